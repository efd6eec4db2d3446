// hq doctor on the real binary: a healthy company is well and stays as it is; each trouble is found, with what to
// type; --fix mends what is safe.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync,
} from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Company, isAlive, run, until } from './company.mjs';

const isRoot = process.getuid() === 0;
const env = { LC_ALL: 'C.UTF-8' };

async function doctor(company, ...args) {
  const result = await company.hq('doctor', '--json', ...args);
  assert.ok(result.json, `${result.stdout}${result.stderr}`);
  return { ...result, find: (id) => result.json.items.filter((item) => item.id === id) };
}

function one(result, id, severity) {
  const [item] = result.find(id);
  assert.ok(item, `${id} is not told: ${JSON.stringify(result.json, null, 1)}`);
  assert.equal(item.severity, severity, JSON.stringify(item));
  return item;
}

// Every name with its mode, size, time and content; locks tell of memory every ten seconds, so their text is not
// compared while the company runs.
function picture(dir, volatile = false) {
  const lines = [];
  const look = (path) => {
    const info = lstatSync(path);
    const moving = volatile && (/\.lock$|state\/run$/.test(path) || path.endsWith('hub.sock'));
    const digest = info.isFile() && !moving ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
    lines.push([path, info.mode, ...(moving ? [] : [info.size, info.mtimeMs, digest])].join(' '));
    if (info.isDirectory()) for (const name of readdirSync(path).sort()) look(join(path, name));
  };
  look(dir);
  return lines.join('\n');
}

function listen(port) {
  return new Promise((done) => {
    const server = net.createServer();
    server.once('error', () => done(null));
    server.listen(port, '127.0.0.1', () => done(server));
  });
}

test('a healthy company is well, and is left as it is', async (t) => {
  const company = await Company.open(t, { agents: 3 });
  await company.ask('manager', 'echo:hello');
  // Others may write at the same time, but not for ever.
  const result = await until('a look that changes nothing', async () => {
    const before = picture(company.dir, true), seen = await doctor(company);
    return picture(company.dir, true) === before && seen;
  });
  assert.equal(result.code, 0, JSON.stringify(result.json, null, 1));
  assert.equal(result.json.schema_version, 1);
  assert.equal(result.json.ok, true);
  assert.deepEqual(Object.keys(result.json.counts), ['ok', 'info', 'skip', 'warn', 'fail', 'repaired']);
  assert.equal(result.json.counts.fail, 0);
  assert.equal(result.json.counts.skip, 0, JSON.stringify(result.json.items.filter((item) => item.severity === 'skip')));
  const warned = result.json.items.filter((item) => item.severity === 'warn').map((item) => item.id);
  assert.deepEqual(warned, isRoot ? ['sandbox/user'] : []);
  for (const item of result.json.items) {
    assert.match(item.id, /^[a-z]+\/[a-z0-9:.-]+$/);
    assert.ok(item.seen, item.id);
    if (item.severity === 'warn' || item.severity === 'fail') assert.ok(item.fix, item.id);
  }
  one(result, 'ledger/check', 'ok');
  one(result, 'agent/manager', 'ok');

  const screen = await company.hq('doctor', { env: { ...env, COLUMNS: '80' } });
  assert.equal(screen.code, 0);
  assert.match(screen.stdout, /^ok {4}\d+ checks$/m);
  assert.doesNotMatch(screen.stdout, /\x1b/);
  assert.doesNotMatch(screen.stdout, /agent\/manager/); // what is well is folded
  assert.match((await company.hq('doctor', '-v')).stdout, /^ok {4}agent\/manager +serves$/m);

  await company.hq('down');
  const still = picture(company.dir);
  const down = await doctor(company);
  assert.equal(down.code, 0, JSON.stringify(down.json, null, 1));
  assert.match(one(down, 'hub/answers', 'info').fix, /up -d$/);
  assert.equal(one(down, 'ledger/check', 'skip').seen, 'the company is not running');
  assert.equal(picture(company.dir), still);
});

test('each trouble is found, and --fix mends what is safe', async (t) => {
  const company = await Company.open(t, { agents: 3 });
  chmodSync(join(company.dir, 'secrets/operator.token'), 0o644);
  chmodSync(join(company.dir, 'state/logs'), 0o755);
  // The supervisor first, so that nobody is started again.
  for (const name of ['supervisor', 'hub', 'gateway-manager']) {
    const pid = company.kill(name);
    await until(`${name} is dead`, () => !isAlive(pid));
  }
  // The last thread of the dead one may still hold the port for a moment.
  const squatter = await until('the port is ours', () => listen(company.ports.manager));
  t.after(() => squatter.close());

  const result = await doctor(company);
  assert.equal(result.code, 1);
  assert.equal(result.json.ok, false);
  const port = one(result, 'port/manager', 'fail');
  assert.match(port.seen, new RegExp(`^${company.ports.manager} is taken by .*pid ${process.pid}`));
  assert.match(port.fix, /agents\.manager\.port/);
  assert.match(one(result, 'secret/modes', 'fail').fix, /^chmod 600 .*operator\.token$/);
  assert.match(one(result, 'state/modes', 'warn').fix, /^chmod 700 .*state\/logs$/);
  assert.deepEqual(result.find('lock/stale').map((item) => item.subject).sort(), ['gateway-manager', 'hub', 'supervisor']);
  assert.match(one(result, 'hub/answers', 'fail').fix, /up -d/);
  one(result, 'agent/manager', 'warn');
  one(result, 'agent/tech-lead', 'ok');
  assert.equal(one(result, 'task/lost', 'skip').seen, 'the hub is down');

  const would = await until('a dry run that changes nothing', async () => {
    const before = picture(company.dir, true), seen = await doctor(company, '--fix', '--dry-run');
    return picture(company.dir, true) === before && seen;
  });
  assert.equal(would.code, 1);
  assert.equal(one(would, 'secret/modes', 'fail').repaired, 'would');

  const fixed = await doctor(company, '--fix');
  assert.equal(fixed.code, 1); // the port and the hub need a person
  assert.equal(fixed.json.counts.repaired, 5, JSON.stringify(fixed.json.items.filter((item) => item.repaired)));
  assert.equal(one(fixed, 'secret/modes', 'fail').repaired, 'done');
  assert.equal(statSync(join(company.dir, 'secrets/operator.token')).mode & 0o777, 0o600);
  assert.equal(readFileSync(join(company.dir, 'state/run/hub.lock'), 'utf8'), '');
  const after = await doctor(company);
  one(after, 'secret/modes', 'ok');
  one(after, 'lock/stale', 'ok');

  squatter.close();
  await company.up();
  assert.equal((await doctor(company)).code, 0);
});

test('a held agent, one stopped by hand, a changed file', async (t) => {
  const company = await Company.open(t, { agents: 3 });
  await company.hq('stop', 'secretary');
  // Started again while hq.yaml is broken, it ends by itself and says that another try is useless.
  company.writeConfig('agents: nobody\n');
  company.kill('gateway-manager');
  const held = await until('manager is held', async () => {
    const result = await doctor(company, '--only', 'agent');
    return result.find('agent/manager')[0].severity === 'fail' && result;
  });
  company.writeConfig(company.config);
  assert.match(one(held, 'agent/manager', 'fail').seen, /^held: /);
  assert.match(one(held, 'agent/manager', 'fail').fix, /logs manager -n 20 says why; then .*up -d$/);
  assert.match(one(held, 'agent/secretary', 'info').fix, /start secretary$/);
  one(held, 'agent/tech-lead', 'ok');

  await company.api('POST', '/v1/tasks', { agent: 'manager', instruction: 'wait for me', kind: 'chat', key: 'k' });
  const stuck = await doctor(company, '--only', 'task');
  assert.match(one(stuck, 'task/stuck', 'warn').seen, /^1 task waits for manager, the oldest for .*: it is down$/);

  company.config.company = 'renamed';
  company.writeConfig(company.config);
  assert.match(one(await doctor(company), 'config/applied', 'warn').fix, /reload$/);
});

test('a broken hq.yaml: the place is told, and what needs no configuration is looked at', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  const good = readFileSync(join(company.dir, 'hq.yaml'), 'utf8');
  company.writeConfig('company: story\nagents:\n  manager: { port: high, model: demo/manager }\n');
  const result = await doctor(company);
  assert.equal(result.code, 1);
  assert.match(result.find('config/valid')[0].seen, /^hq\.yaml:3:\d+: /);
  assert.equal(one(result, 'port/<agent>', 'skip').seen, 'hq.yaml has errors');
  one(result, 'disk/space', 'ok');
  one(result, 'ledger/check', 'ok'); // the hub lives on with what it read
  one(result, 'agent/tech-lead', 'ok'); // … and says who there is
  company.writeConfig(good);
});

test('models: a key that is refused, a list, a completion', async (t) => {
  const seen = [];
  const server = http.createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    const good = request.headers.authorization === 'Bearer right-key-1234';
    request.resume().on('end', () => {
      response.writeHead(good ? 200 : 401, { 'content-type': 'application/json' });
      response.end(!good ? '{}' : request.method === 'GET' ? '{"object":"list","data":[]}'
        : JSON.stringify({ object: 'chat.completion', choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'OK' } }],
          usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 } }));
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  const company = await Company.open(t, {
    agents: 1, up: false,
    change: (config) => {
      config.models.paid = { api: 'openai-chat', base_url: `http://127.0.0.1:${server.address().port}/v1`, api_key: { file: 'secrets/paid.key' } };
      config.agents.manager.model = 'paid/tiny';
    },
  });
  mkdirSync(join(company.dir, 'secrets'), { mode: 0o700 });
  const missing = await doctor(company, '--only', 'secret/paid', '--only', 'model/paid');
  assert.match(one(missing, 'secret/paid', 'fail').fix, /hq .*secret set paid\.key$/);
  one(missing, 'model/paid', 'skip');
  writeFileSync(join(company.dir, 'secrets/paid.key'), 'wrong-key-1234\n', { mode: 0o600 });
  const refused = await doctor(company, '--only', 'model/paid');
  assert.equal(one(refused, 'model/paid', 'fail').seen, 'the server refuses the key (401)');
  writeFileSync(join(company.dir, 'secrets/paid.key'), 'right-key-1234\n', { mode: 0o600 });
  one(await doctor(company, '--only', 'model/paid'), 'model/paid', 'ok');
  assert.deepEqual(seen, ['GET /v1/models', 'GET /v1/models']); // nothing that costs
  assert.match(one(await doctor(company, '--only', 'model/paid', '--deep'), 'model/paid', 'ok').seen, /^paid\/tiny answered in /);
  assert.equal(seen.at(-1), 'POST /v1/chat/completions');
  assert.match(one(await doctor(company), 'budget/unset', 'warn').fix, /models\.paid\.price/);
});

test('a full disk', { skip: !isRoot && 'needs root for a tmpfs' }, async (t) => {
  const company = await Company.open(t, { up: false });
  const small = join(company.dir, 'state');
  mkdirSync(small);
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'tmpfs', small]);
  if (mounted.code !== 0) return t.skip('no mount here');
  try {
    writeFileSync(join(small, 'filler'), Buffer.alloc(7 << 20));
    const result = await doctor(company, '--only', 'disk');
    assert.equal(result.code, 1);
    assert.match(one(result, 'disk/space', 'fail').seen, /^\d MB free under .*state$/);
  } finally {
    await run('umount', [small]);
  }
});

test('words of the command line', async (t) => {
  const company = await Company.open(t, { up: false });
  const wrong = [
    [['doctor', '--only', 'prot'], /did you mean port\?/],
    [['doctor', '--skip', 'nonsense/xyz'], /--list/],
    [['doctor', '--dry-run'], /give both/],
    [['doctor', '--severity', 'loud'], /neither warn nor fail/],
  ];
  for (const [args, said] of wrong) {
    const result = await company.hq(...args);
    assert.equal(result.code, 2, args.join(' '));
    assert.match(result.stderr, said);
    assert.equal((await company.hq(...args, '--json')).json.ok, false);
  }
  const list = await company.hq('doctor', '--list', '--json');
  assert.ok(list.json.items.length > 25);
  assert.ok(list.json.items.every((item) => item.id && item.title && item.looks_at && typeof item.repairs === 'boolean'));
  const skipped = await doctor(company, '--only', 'state', '--skip', 'state/modes');
  assert.deepEqual([...new Set(skipped.json.items.map((item) => item.id))], ['state/folders']);
  utimesSync(join(company.dir, 'script.yaml'), 0, 0);
  const least = await doctor(company, '--severity', 'fail');
  assert.deepEqual(least.json.items, []);
});
