// hq init, as a stranger meets it: a company from nothing, with a model that has answered before anything is written;
// questions at a terminal, flags elsewhere, nothing overwritten, nothing broken by odd names.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, processesOf, repository, run, until } from './company.mjs';
import { inTerminal } from './terminal.mjs';

const require = createRequire(join(repository, 'tests/package.json'));
const { LLMock } = require('@copilotkit/aimock');
const key = 'sk-key-of-a-new-company-not-to-be-shown-77ab';
// Nothing of the machine that the tests run on: no keys, no server that happens to listen.
const bare = { OPENAI_API_KEY: '', ANTHROPIC_API_KEY: '', GEMINI_API_KEY: '', OPENROUTER_API_KEY: '', OLLAMA_HOST: '127.0.0.1:9' };

function place(t) {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'hq-init-')));
  t.after(async () => {
    for (const name of readdirSync(dir))
      if (existsSync(join(dir, name, 'state/run'))) await run(binary, ['-C', join(dir, name), 'down']);
    await until('all gone', () => processesOf(dir).length === 0).catch(() => {});
    const left = processesOf(dir);
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    assert.deepEqual(left, []);
  });
  return dir;
}

async function provider(t, fixtures = []) {
  const mock = new LLMock({ port: 0, logLevel: 'silent' });
  mock.addFixtures([...fixtures,
    { match: { model: 'bad-key' }, response: { error: { message: `no such key: ${key}`, type: 'invalid_request_error', code: 'invalid_api_key' }, status: 401 } },
    { match: { model: 'wants-key' }, response: { error: { message: 'no key', type: 'invalid_request_error' }, status: 401 } },
    { match: { userMessage: 'test of the connection' }, response: { content: 'ready', usage: { prompt_tokens: 30, completion_tokens: 1, total_tokens: 31 } } },
    { match: { userMessage: 'Who are you' }, response: { content: 'The manager of a new company.' } }]);
  await mock.start();
  t.after(() => mock.stop());
  return { mock, url: `${mock.url}/v1` };
}

const init = (dir, args, options = {}) => run(binary, ['init', ...args], { cwd: dir, ...options, env: { ...bare, ...options.env } });
const tree = (dir) => readdirSync(dir, { recursive: true }).filter((name) => statSync(join(dir, name)).isFile()).sort();

test('the stranger\'s path: init with a model, up, ask, down', async (t) => {
  const dir = place(t);
  const { mock, url } = await provider(t);
  const made = await init(dir, ['acme', '--base-url', url, '--model', 'gpt-5', '--api-key-stdin', '--yes'], { input: `${key}\n` });
  assert.equal(made.code, 0, made.stdout + made.stderr);
  assert.ok(!(made.stdout + made.stderr).includes(key));
  assert.match(made.stdout, /Model: local\/gpt-5, it has answered/);
  const next = made.stdout.split('Next:\n')[1].trim().split('\n').map((line) => line.trim());
  assert.deepEqual(next, ['cd acme', 'hq up -d', 'hq ask manager "Who are you, and what can you do?"']);
  assert.equal(mock.getRequests().length, 1, 'one real completion');
  assert.equal(readFileSync(join(dir, 'acme/secrets/local.key'), 'utf8'), `${key}\n`);
  for (const name of ['', 'secrets']) assert.equal(statSync(join(dir, 'acme', name)).mode & 0o7777, 0o700);
  const acme = join(dir, 'acme');
  assert.ok(!readFileSync(join(acme, 'hq.yaml'), 'utf8').includes(key));

  const up = await run(binary, ['up', '-d', '--wait'], { cwd: acme });
  assert.equal(up.code, 0, up.stderr);
  const asked = await run(binary, ['ask', 'manager', 'Who are you, and what can you do?'], { cwd: acme });
  assert.equal(asked.code, 0, asked.stderr);
  assert.match(asked.stdout, /The manager of a new company/);
  assert.equal((await run(binary, ['secret', 'check'], { cwd: acme })).code, 0);
  assert.equal((await run(binary, ['down'], { cwd: acme })).code, 0);
});

test('every template is a good company without a finding, offline and with a model, and its tests pass', async (t) => {
  const dir = place(t);
  for (const template of ['atomizer', 'trio', 'solo', 'blank']) {
    for (const [kind, ...more] of [['script'], ['model', '--base-url', 'http://127.0.0.1:9/v1', '--model', 'org/some:8b', '--no-model-test'],
      ['far', '--base-url', 'https://models.example.org/v1', '--model', 'x', '--api-key-env', 'SOME_KEY', '--no-model-test']]) {
      const folder = `${template}-${kind}`;
      const made = await init(dir, [folder, '--template', template, '--yes', ...more]);
      assert.equal(made.code, 0, made.stdout + made.stderr);
      const check = await run(binary, ['-C', join(dir, folder), 'config', 'validate', '--json']);
      assert.deepEqual(check.json.findings, [], folder);
      if (existsSync(join(dir, folder, 'workflows'))) {
        const flows = await run(binary, ['-C', join(dir, folder), 'flow', 'check', '--json']);
        assert.equal(flows.code, 0, flows.stdout);
        for (const item of flows.json.items) assert.deepEqual(item.reports.flatMap((report) => report.findings), [], `${folder} ${item.name}`);
        for (const name of readdirSync(join(dir, folder, 'workflows')).filter((file) => file.endsWith('.test.yaml')))
          assert.equal((await run(binary, ['flow', 'test', join(dir, folder, 'workflows', name)])).code, 0, name);
      }
      const text = readFileSync(join(dir, folder, 'hq.yaml'), 'utf8');
      assert.equal(/demo/.test(text), kind === 'script', text);
      assert.equal(/^budget:/m.test(text), template !== 'blank' && kind !== 'far', 'no budget that cannot be held');
    }
  }
});

test('offline: the trio works together without a key', async (t) => {
  const dir = place(t);
  assert.equal((await init(dir, ['acme', '--yes'])).code, 0);
  assert.equal((await run(binary, ['-C', join(dir, 'acme'), 'up', '-d', '--wait'])).code, 0);
  const asked = await run(binary, ['-C', join(dir, 'acme'), 'ask', 'manager', 'How heavy is it?', '--json']);
  assert.equal(asked.code, 0, asked.stdout + asked.stderr);
  assert.match(asked.json.task.result.result, /by three agents/);
  const flow = await run(binary, ['-C', join(dir, 'acme'), 'flow', 'run', 'checked-answer', '-i', 'question=How heavy?', '--json']);
  assert.equal(flow.code, 0, flow.stdout + flow.stderr);
  assert.equal(flow.json.run.output.verdict, 'CONDITIONAL');
});

test('a model that does not answer: what it said, what to do, exit 4 or 1, and nothing written', async (t) => {
  const dir = place(t);
  const { url } = await provider(t);
  const fails = async (code, words, args, options) => {
    const made = await init(dir, ['acme', '--yes', ...args], options);
    assert.equal(made.code, code, made.stdout + made.stderr);
    assert.match(made.stderr, words);
    assert.ok(!(made.stdout + made.stderr).includes(key));
    assert.deepEqual(readdirSync(dir), []);
  };
  await fails(4, /\(401\): no such key: \[key\]; nothing was written[^]*give it again/, ['--base-url', url, '--model', 'bad-key', '--api-key-stdin'], { input: key });
  await fails(4, /it wants a key: --api-key-stdin/, ['--base-url', url, '--model', 'wants-key']);
  await fails(1, /nothing listens at/, ['--base-url', 'http://127.0.0.1:9/v1', '--model', 'x']);
  await fails(4, /OpenAI wants a key, and OPENAI_API_KEY is not set/, ['--provider', 'openai']);
  await fails(4, /HQ_TEST_UNSET is not set/, ['--base-url', url, '--model', 'x', '--api-key-env', 'HQ_TEST_UNSET']);
  await fails(2, /which model of local/, ['--base-url', 'http://127.0.0.1:9/v1']);
  await fails(2, /of which provider/, ['--model', 'gpt-5']);
  await fails(2, /Did you mean openai/, ['--provider', 'opneai', '--model', 'x']);
  await fails(2, /Did you mean trio/, ['--template', 'tiro']);
  await fails(2, /there is no value/, ['--base-url', url, '--model', 'x', '--api-key-stdin'], { input: '' });
  const json = await init(dir, ['acme', '--yes', '--json', '--base-url', 'http://127.0.0.1:9/v1', '--model', 'x']);
  assert.equal(json.json.error.code, 'model_test');
});

test('a second call overwrites nothing, writes what is missing, and tells what differs', async (t) => {
  const dir = place(t), acme = join(dir, 'acme');
  const { url } = await provider(t);
  assert.equal((await init(dir, ['acme', '--yes', '--template', 'solo'])).code, 0);
  const before = readFileSync(join(acme, 'hq.yaml'), 'utf8');
  writeFileSync(join(acme, 'hq.yaml'), `${before}\n# mine\n`);
  writeFileSync(join(acme, 'workspaces/assistant/SOUL.md'), '# Mine\n');
  rmSync(join(acme, 'workspaces/assistant/USER.md'));
  const again = await init(dir, ['acme', '--yes', '--template', 'solo', '--base-url', url, '--model', 'gpt-5', '--api-key-stdin'], { input: key });
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /is a company already; its hq.yaml stays/);
  assert.match(again.stdout, /workspaces\/assistant\/ \(1 file\)/);
  assert.match(again.stdout, /kept workspaces\/assistant\/SOUL.md: yours differs from line 1 on/);
  assert.match(again.stdout, /kept hq.yaml: yours differs from line/);
  assert.match(again.stdout, /put this into hq.yaml[^]*base_url: "http:[^]*model: local\/gpt-5[^]*hq secret set local.key/);
  assert.equal(readFileSync(join(acme, 'hq.yaml'), 'utf8'), `${before}\n# mine\n`);
  assert.equal(readFileSync(join(acme, 'workspaces/assistant/SOUL.md'), 'utf8'), '# Mine\n');
  assert.ok(existsSync(join(acme, 'workspaces/assistant/USER.md')));
  assert.deepEqual(readdirSync(join(acme, 'secrets')), []);
  const files = tree(acme);
  assert.equal((await init(dir, ['acme', '--no-input'])).code, 0);
  assert.deepEqual(tree(acme), files);
  writeFileSync(join(acme, 'hq.yaml'), 'agents: [');
  assert.equal((await init(dir, ['acme', '--yes'])).code, 2, 'a broken file is told');
});

test('killed on the way: no company yet, and the next call goes on', async (t) => {
  const dir = place(t);
  mkdirSync(join(dir, 'crash'));
  const env = { HQ_CRASH_DIR: join(dir, 'crash'), HQ_CRASH_AT: 'init/setup.file.before#5' };
  const killed = await init(dir, ['acme', '--yes'], { env });
  assert.equal(killed.signal, 'SIGKILL');
  assert.ok(!existsSync(join(dir, 'acme/hq.yaml')));
  const again = await init(dir, ['acme', '--yes']);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /4 files are there already/);
  assert.deepEqual(tree(join(dir, 'acme')).filter((name) => name.endsWith('.new')), []);
  rmSync(join(dir, 'crash'), { recursive: true });
});

test('dry-run writes nothing; ports that are taken are passed by, and that is said', async (t) => {
  const dir = place(t);
  const dry = await init(dir, ['acme', '--yes', '--dry-run', '--json']);
  assert.equal(dry.code, 0);
  assert.ok(dry.json.dry_run && dry.json.items.some((item) => item.path === 'hq.yaml' && item.state === 'new'));
  assert.deepEqual(readdirSync(dir), []);
  const first = 18800 + dry.json.port_shift;
  const server = net.createServer();
  await new Promise((done) => server.listen(first, '127.0.0.1', done));
  t.after(() => server.close());
  const made = await init(dir, ['acme', '--yes']);
  assert.match(made.stdout, new RegExp(`Ports: from \\d+ on, because ${dry.json.port_shift ? '\\d+' : first} is taken`));
  assert.ok(!readFileSync(join(dir, 'acme/hq.yaml'), 'utf8').includes(`port: ${first}\n`));
});

test('odd names are quoted right or refused', async (t) => {
  const dir = place(t);
  for (const name of ['it\'s "ours": #1', 'Grüße 世界 🙂', 'true', '12', '- x', '{a}', '*a &b', '${HOME} $(id)', 'a'.repeat(200), '%TAG', ' lead', '@x', '`y`', 'yes: no']) {
    const made = await init(dir, ['--yes', '--template', 'blank', '--', name]);
    assert.equal(made.code, 0, `${name}: ${made.stderr}`);
    const shown = await run(binary, ['-C', join(dir, name), 'config', 'explain', 'company', '--json']);
    assert.equal(shown.json.value, name.slice(0, 64), name);
    const cd = made.stdout.split('Next:\n')[1].split('\n')[0].trim();
    const there = await run('sh', ['-c', `${cd} && pwd`], { cwd: dir });
    assert.equal(there.stdout.trim(), join(dir, name).trim(), 'the command that is told works');
    rmSync(join(dir, name), { recursive: true });
  }
  const refused = async (words, ...args) => {
    const made = await init(dir, ['--yes', '--template', 'blank', ...args]);
    assert.equal(made.code, 2, `${args}: ${made.stdout}`);
    assert.match(made.stderr, words);
    assert.deepEqual(readdirSync(dir), []);
  };
  await refused(/one line of text/, 'two\nlines');
  await refused(/one line of text/, '');
  const url = ['--no-model-test', '--base-url', 'http://127.0.0.1:9/v1'];
  await refused(/not a name for a provider/, 'x', ...url, '--model', 'm', '--provider', 'a: b');
  await refused(/not a name for a provider/, 'x', ...url, '--model', 'm', '--provider', '../x');
  await refused(/no good hq.yaml/, 'x', ...url, '--model', 'a b');
  await refused(/no good hq.yaml/, 'x', ...url, '--model', 'a\nb: c');
  await refused(/not a URL/, 'x', '--no-model-test', '--model', 'm', '--base-url', 'file:///etc/passwd');
  await refused(/not a URL/, 'x', '--no-model-test', '--model', 'm', '--base-url', 'http://name:pass@host/');
  await refused(/name of an environment variable/, 'x', ...url, '--model', 'm', '--api-key-env', key);
  const odd = 'a"b:{c}#d\'e';
  assert.equal((await init(dir, ['x', '--yes', ...url, '--model', odd])).code, 0);
  assert.equal((await run(binary, ['-C', join(dir, 'x'), 'config', 'explain', 'agents.manager.model', '--json'])).json.value.primary, `local/${odd}`);
  const above = await init(join(dir, 'x'), ['../y', '--yes', '--template', 'blank']);
  assert.equal(above.code, 0, 'a path is a path');
  assert.equal((await run(binary, ['-C', join(dir, 'y'), 'config', 'explain', 'company', '--json'])).json.value, 'y');
  writeFileSync(join(dir, 'file'), '');
  assert.equal((await init(dir, ['file', '--yes'])).code, 2);
  symlinkSync('/nonexistent/elsewhere', join(dir, 'y', 'workspaces2'));
});

test('at a terminal: four questions and a hidden key; a wrong model is asked again', async (t) => {
  const dir = place(t);
  const { url } = await provider(t);
  const screen = await inTerminal(`sh -c 'cd ${dir} && exec ${binary} init'`, [
    ['Folder of the company [company]: ', 'acme\r'], ['Template [trio]: ', '3\r'],
    ['Model [1]: ', `${url} bad-key\r`], ['not shown): ', '\r'],
    ['Model [1]: ', 'opneai\r'], ['Model [1]: ', `${url} gpt-5\r`], ['when the machine does? [no]: ', 'y\r'],
  ], { env: bare });
  assert.equal(screen.code, 0, screen.out);
  assert.match(screen.out, /does not accept the key \(401\)/);
  assert.match(screen.out, /Did you mean openai/);
  assert.match(screen.out, /it says: ready/);
  assert.match(screen.out, /cd acme\r\n {2}hq service install && hq up\r\n {2}hq ask assistant/);
  assert.match(readFileSync(join(dir, 'acme/hq.yaml'), 'utf8'), /model: local\/gpt-5/);
});

test('at a terminal: a key is typed unseen; a local server is found; Ctrl-D and Ctrl-C leave nothing', async (t) => {
  const dir = place(t);
  const { url } = await provider(t, [{ match: { model: 'qwen3' }, response: { content: 'ready' } }]);
  const found = await inTerminal(`${binary} init ${dir}/found --template solo`, [['Model [1]: ', '\r'], ['[no]: ', '\r']], { env: { ...bare, OLLAMA_HOST: new URL(url).host } });
  assert.equal(found.code, 0, found.out);
  assert.match(found.out, /1 {2}ollama\/\S+ +Ollama on this machine/);
  assert.match(readFileSync(join(dir, 'found/hq.yaml'), 'utf8'), /model: ollama\//);
  const left = await inTerminal(`${binary} init ${dir}/none`, [['Template [trio]: ', '\x04']], { env: bare });
  assert.equal(left.code, 130, left.out);
  assert.match(left.out, /nothing was written/);
  const hidden = await inTerminal(`${binary} init ${dir}/none --template solo`, [['Model [1]: ', 'openai/gpt-5\r'], ['not shown): ', 'sk-ab\x03']], { env: bare });
  assert.equal(hidden.code, 130, hidden.out);
  assert.ok(!hidden.out.includes('sk-ab') && !existsSync(join(dir, 'none')));
});
