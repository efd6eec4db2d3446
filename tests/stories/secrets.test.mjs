// hq secret set|list|check: values come from standard input or unseen from a terminal, are in nothing that is printed,
// and what is wrong with them is said with its fix.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, Company, run } from './company.mjs';
import { inTerminal } from './terminal.mjs';

const key = 'sk-secret-value-that-must-not-show-9f2c';

function open(t) {
  return Company.open(t, {
    up: false,
    models: { router: { api: 'openai-chat', base_url: 'http://127.0.0.1:9/v1', api_key: { file: 'secrets/router.key' } },
      other: { api: 'openai-chat', base_url: 'http://127.0.0.1:9/v1', api_key: { env: 'HQ_TEST_OTHER_KEY' } } },
    agent: { model: 'router/gpt-5' },
    change: (config) => { config.webhooks = { reports: { url: { file: 'secrets/reports.url' } } };
      config.telemetry = { otlp: 'http://127.0.0.1:9', headers: { 'x-key': { file: 'secrets/otlp.key' } } };
    },
  });
}

const path = (company, name) => join(company.dir, 'secrets', name);

test('set: from standard input, 0600, whole, and never shown', async (t) => {
  const company = await open(t);
  for (const name of ['router.key', 'secrets/router.key', 'router']) {
    const set = await company.hq('secret', 'set', name, { input: `${key}\n` });
    assert.equal(set.code, 0, set.stderr);
    assert.ok(!(set.stdout + set.stderr).includes(key));
    assert.match(set.stderr, /used by model router/);
  }
  assert.equal(readFileSync(path(company, 'router.key'), 'utf8'), `${key}\n`);
  assert.equal(statSync(path(company, 'router.key')).mode & 0o7777, 0o600);
  assert.equal(statSync(join(company.dir, 'secrets')).mode & 0o7777, 0o700);
  assert.deepEqual(readdirSync(join(company.dir, 'secrets')), ['router.key']);
  const json = await company.hq('secret', 'set', 'router', '--json', { input: key });
  assert.deepEqual(json.json, { schema_version: 1, ok: true, path: path(company, 'router.key'), used_by: 'model router', replaced: true, reload: [] });
  const later = await company.hq('secret', 'set', 'later.key', { input: key });
  assert.equal(later.code, 0);
  assert.match(later.stderr, /nothing in hq.yaml names it yet: api_key: \{ file: secrets\/later.key \}/);
});

test('set: what is no value or no name is refused, and the old one stays', async (t) => {
  const company = await open(t);
  await company.hq('secret', 'set', 'router', { input: key });
  const refused = async (name, input, words) => {
    const set = await company.hq('secret', 'set', name, { input });
    assert.equal(set.code, 2, `${name}: ${set.stdout}`);
    assert.match(set.stderr, words);
    assert.ok(!(set.stdout + set.stderr).includes('must-not-show'), set.stderr);
  };
  await refused('router', '', /there is no value/);
  await refused('router', ' \n', /there is no value/);
  await refused('router', `${key}\nmore`, /more than one line/);
  await refused('router', `${key}\u0007`, /control character \(byte 40\)/);
  await refused('router', Buffer.from([0x73, 0xff]), /not text/);
  await refused('router', `${key}\0`, /not text/);
  await refused('router', 'x'.repeat(20000), /more than 16383 bytes/);
  await refused('../router.key', key, /not a name/);
  await refused('a/b', key, /not a name/);
  await refused('', key, /not a name/);
  await refused('.hidden', key, /not a name/);
  await refused('ein schlüssel', key, /not a name/);
  await refused('mine.token', key, /not a name/);
  await refused('operator.token', key, /made by hq itself/);
  await refused('ruoter.key', key, /Did you mean hq secret set router.key/);
  await refused('other', key, /HQ_TEST_OTHER_KEY is an environment variable \(model other\)/);
  await refused('reports', `not a url must-not-show`, /not a URL/);
  assert.equal(readFileSync(path(company, 'router.key'), 'utf8'), `${key}\n`);
  assert.deepEqual(readdirSync(join(company.dir, 'secrets')), ['router.key']);
  assert.equal((await company.hq('secret', 'set', 'router', key)).code, 2, 'never an argument');
  symlinkSync('/dev/null', path(company, 'reports.url'));
  const link = await company.hq('secret', 'set', 'reports', { input: 'https://example.org/x' });
  assert.equal(link.code, 1);
  assert.match(link.stderr, /is not a file/);
});

test('set at a terminal: what is typed is not shown; Ctrl-C writes nothing and gives the echo back', async (t) => {
  const company = await open(t);
  const set = await inTerminal(`${binary} -C ${company.dir} secret set router`, [['not shown): ', `${key}x\x7f\r`]]);
  assert.equal(set.code, 0, set.out);
  assert.ok(!set.out.includes('must-not-show'), set.out);
  assert.equal(readFileSync(path(company, 'router.key'), 'utf8'), `${key}\n`);
  const stopped = await inTerminal(`sh -c '${binary} -C ${company.dir} secret set later.key; echo code $?; stty -a | grep -o " echo "'`, [['not shown): ', 'abc\x03']]);
  assert.match(stopped.out, /nothing was written[^]*code 2[^]* echo /);
  assert.ok(!existsSync(path(company, 'later.key')));
  const silent = await inTerminal(`${binary} -C ${company.dir} secret set router --no-input`, []);
  assert.equal(silent.code, 2, silent.out);
});

test('list and check: who uses what, modes, what is missing, shared or odd', async (t) => {
  const company = await open(t);
  let check = await company.hq('secret', 'check');
  assert.equal(check.code, 4, check.stdout);
  assert.match(check.stdout, /fail {2}.*router.key.*No such file.*\(model router\)\n {6}fix: hq secret set router.key\n/);
  assert.match(check.stdout, /warn {2}.*HQ_TEST_OTHER_KEY is not set \(model other\)\n {6}fix: export HQ_TEST_OTHER_KEY/);
  assert.match(check.stdout, /warn {2}.*reports.url/);

  await company.hq('secret', 'set', 'router', { input: key });
  await company.hq('secret', 'set', 'reports', { input: 'https://example.org/hook' });
  const env = { HQ_TEST_OTHER_KEY: 'another-key-of-some-length' };
  const header = await company.hq('secret', 'set', 'otlp.key', { input: 'the-value-of-a-header-of-telemetry' });
  assert.match(header.stderr, /used by telemetry x-key/);
  check = await company.hq('secret', 'check', { env });
  assert.equal(check.code, 0, check.stdout);
  assert.match(check.stdout, /^4 secrets looked at, 0 failures, 0 warnings/m);

  const list = await company.hq('secret', 'list', { env });
  assert.match(list.stdout, /^router.key +model router +0600 .* sk-…2?9f2c$/m);
  assert.match(list.stdout, /^HQ_TEST_OTHER_KEY +model other +env/m);
  assert.match(list.stdout, /^reports.url +webhook reports +0600 /m);
  for (const line of list.stdout.split('\n')) assert.ok([...line].length <= 80, line);
  const json = (await company.hq('secret', 'list', '--json', { env })).json;
  assert.equal(json.items.find((item) => item.name === 'reports.url').shown, undefined);
  assert.ok(json.items.some((item) => item.name === 'manager.hooks.token' && item.kind === 'token' && !item.present));
  assert.ok(!JSON.stringify(json).includes('must-not-show') && !JSON.stringify(json).includes('example.org'));

  chmodSync(path(company, 'router.key'), 0o644);
  writeFileSync(path(company, 'reports.url'), ' https://example.org/hook\r\n', { mode: 0o600 });
  writeFileSync(path(company, 'old.key'), `${key}\n`, { mode: 0o600 });
  check = await company.hq('secret', 'check', { env: { HQ_TEST_OTHER_KEY: key } });
  assert.equal(check.code, 4);
  assert.match(check.stdout, /mode 0644[^]*fix: chmod 600 /);
  assert.match(check.stdout, /reports.url has white space around its value/);
  assert.match(check.stdout, /old.key is named by nothing in hq.yaml/);
  chmodSync(path(company, 'router.key'), 0o600);
  check = await company.hq('secret', 'check', '--json', { env: { HQ_TEST_OTHER_KEY: key } });
  assert.equal(check.code, 0);
  assert.ok(check.json.items.some((item) => item.message === 'router.key (model router) and HQ_TEST_OTHER_KEY (model other) are the same'));
  assert.ok(!check.stdout.includes('must-not-show'));

  mkdirSync(path(company, 'x'), { recursive: true });
  writeFileSync(path(company, 'operator.token'), 'a'.repeat(64), { mode: 0o600 });
  writeFileSync(path(company, 'manager.token'), 'a'.repeat(64), { mode: 0o600 });
  check = await company.hq('secret', 'check', { env });
  assert.equal(check.code, 4, 'one token for two principals');
  assert.match(check.stdout, /operator.token \(you, the operator\) and manager.token \(agent manager\) are the same/);
});

test('killed while it is written: the old value or the new one, never half of it', async (t) => {
  const company = await open(t);
  await company.hq('secret', 'set', 'router', { input: 'the-old-value-of-the-key-0000' });
  for (const [point, value] of [['before', 'the-old-value-of-the-key-0000'], ['after', key]]) {
    const crash = join(company.dir, `crash-${point}`);
    mkdirSync(crash);
    const env = { HQ_CRASH_DIR: crash, HQ_CRASH_AT: `secret set/setup.secret.${point}#1` };
    assert.equal((await company.hq('secret', 'set', 'router', { input: key, env })).signal, 'SIGKILL');
    assert.equal(readFileSync(path(company, 'router.key'), 'utf8'), `${value}\n`);
    const { stdout } = await company.hq('secret', 'check');
    assert.equal(/was left by a command that was killed/.test(stdout), point === 'before', 'told, and removed by the next call');
  }
});

test('no company, no secret', async () => {
  assert.equal((await run(binary, ['-C', '/nonexistent', 'secret', 'list'])).code, 2);
});
