// Bad input: a clear answer each, and nothing changed by it.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, binary, run, until } from './company.mjs';

const taskCount = async (company) => (await company.api('GET', '/v1/tasks?limit=1000')).json.items.length;

test('a broken hq.yaml is shown with line, column, caret and what was meant', async (t) => {
  const company = await Company.open(t, { up: false });
  const cases = [
    ['company: x\nagents:\n  manager: { port: "18800-18830", model: demo/m }\nmodels: { demo: { api: script, file: script.yaml } }\n', /hq\.yaml:3:\d+: .*18800-18830/],
    ['company: x\nagents: { a: { port: 18800, model: demo/m }, a: { port: 18804, model: demo/m } }\nmodels: { demo: { api: script, file: script.yaml } }\n', /hq\.yaml:2:\d+: /],
    ['company: &x y\nagents: { a: { port: 1, model: *x } }\n', /hq\.yaml:1:\d+: /],
    ['company: x\nagents: [unclosed\n', /hq\.yaml:\d+:\d+: /],
    [`company: ${'['.repeat(5000)}\n`, /hq\.yaml:1:\d+: /],
    ['company: x\nagents: { a: { port: 18800, model: nowhere/m } }\n', /nowhere/],
  ];
  for (const [text, expected] of cases) {
    company.writeConfig(text);
    const result = await company.hq('config', 'validate');
    assert.equal(result.code, 2, text.slice(0, 60));
    assert.match(result.stderr + result.stdout, expected);
    assert.equal((await company.hq('up', '-d', '--wait')).code, 2);
  }
  company.writeConfig('company: x\nagnets: {}\nagents: { a: { port: 18800, model: demo/m } }\nmodels: { demo: { api: script, file: script.yaml } }\n');
  const warned = await company.hq('config', 'validate');
  assert.equal(warned.code, 0, 'an unknown key is a warning');
  assert.match(warned.stderr + warned.stdout, /agnets.*agents/s);
  const missing = await run(binary, ['-C', join(company.dir, 'nowhere'), 'status']);
  assert.equal(missing.code, 2);
});

test('a key that a model needs is looked for before anything starts', async (t) => {
  const models = (name) => ({ real: { api: 'openai-chat', base_url: 'http://127.0.0.1:1/v1', api_key: { [name]: name === 'env' ? 'HQ_STORY_KEY' : 'secrets/real.key' } } });
  const company = await Company.open(t, { up: false, models: models('file'), change: (config) => (config.agents.manager.model = 'real/m') });
  const refused = await company.hq('up', '-d', '--wait');
  assert.equal(refused.code, 4, refused.stderr);
  assert.match(refused.stderr, /hq\.yaml:\d+:\d+: .*real: the secret .*secrets\/real\.key cannot be opened/);
  assert.equal(company.pid('hub'), null, 'nothing was started');
  const json = (await company.hq('up', '-d', '--json')).json;
  assert.equal(json.error.code, 'no_credential');
  assert.equal((await company.hq('up')).code, 4, 'in front, too');

  mkdirSync(join(company.dir, 'secrets'), { recursive: true, mode: 0o700 });
  writeFileSync(join(company.dir, 'secrets/real.key'), 'k\n', { mode: 0o644 });
  assert.match((await company.hq('up', '-d')).stderr, /other users must not read it/);
  chmodSync(join(company.dir, 'secrets/real.key'), 0o600);
  await company.up();
  assert.equal((await company.hq('down')).code, 0);

  company.write({ models: models('env') }); // no agent's primary model: a remark
  const warned = await company.up();
  assert.match(warned.stderr, /HQ_STORY_KEY is not set/);
});

test("the hub's API: wrong tokens, foreign rights, bodies that are none", async (t) => {
  const company = await Company.open(t, { agents: 2 });
  assert.equal((await company.api('GET', '/v1/status', undefined, null)).status, 401);
  assert.equal((await company.api('GET', '/v1/status', undefined, 'wrong')).status, 401);
  const door = company.token('manager.hooks');
  assert.equal((await company.api('POST', '/v1/admin/check', {}, door)).status, 403);
  assert.equal((await company.api('POST', '/v1/claim', { request: 'r', agent: 'manager', nonce: 'n', max: 1, wait_ms: 0 }, door)).status, 403);
  const other = await company.api('POST', '/v1/claim', { request: 'r', agent: 'manager', nonce: 'n', max: 1, wait_ms: 0 }, company.token('tech-lead'));
  assert.equal(other.status, 403, 'one agent claims nothing for another');
  const forged = (await company.hq('ask', 'manager', 'forever', '--no-wait', '--json')).json.task;
  const finish = await company.api('POST', '/v1/batch', {
    request: 'forged', ops: [{ op: 'finish', task: forged.id, fence: 1, handoff: { status: 'complete', result: 'made up' } }],
  }, company.token('tech-lead'));
  assert.ok([403, 409].includes(finish.status), finish.text);
  for (const [method, path] of [['GET', '/v1/nothing'], ['GET', '/v1/tasks/t-nothing'], ['DELETE', '/v1/tasks']]) {
    const answer = await company.api(method, path);
    assert.ok([404, 405].includes(answer.status), `${method} ${path}: ${answer.status}`);
    assert.equal(answer.json.ok, false);
    assert.ok(answer.json.error.message);
  }
  const unknown = await company.api('POST', '/v1/tasks', { agent: 'nobody', instruction: 'x', kind: 'ask' });
  assert.ok(unknown.status >= 400 && unknown.status < 500);
  await company.api('POST', `/v1/tasks/${forged.id}/cancel`, {});
});

test('bodies with depth, doubles, bad UTF-8 and NUL: refused, nothing made', async (t) => {
  const company = await Company.open(t);
  const before = await taskCount(company);
  const bodies = [
    '['.repeat(5000) + ']'.repeat(5000),
    '{"message":"m","x":' + '['.repeat(5000) + ']'.repeat(5000) + '}',
    '{"message":"a","message":"b"}',
    Buffer.from([...Buffer.from('{"message":"'), 0xff, 0xfe, ...Buffer.from('"}')]),
    Buffer.from([...Buffer.from('{"message":"'), 0xed, 0xa0, 0x80, ...Buffer.from('"}')]),
    '{"message":"a\0b"}',
    '{"message":', 'not json', '{"message":1e999}',
  ];
  for (const body of bodies) {
    const answer = await company.post('manager', body);
    assert.equal(answer.status, 400, String(body).slice(0, 40));
    assert.equal(answer.json.ok, false);
  }
  assert.equal(await taskCount(company), before);
  const escaped = await company.post('manager', '{"message":"echo:nul \\u0000 inside"}');
  assert.ok([202, 400].includes(escaped.status));
  assert.equal((await company.ask('manager', 'echo:alive')).code, 0);
});

test('an instruction of ten megabytes is refused by name, an empty one too', async (t) => {
  const company = await Company.open(t);
  const large = await company.hq('ask', 'manager', '-', '--no-wait', '--json', { input: 'x'.repeat(10 << 20) });
  assert.equal(large.code, 2);
  assert.match(large.json.error.message, /instruction|bytes|long|large/i);
  const empty = await company.hq('ask', 'manager', '', '--no-wait', '--json');
  assert.equal(empty.code, 2);
  assert.equal(await taskCount(company), 0);
});

function rawConnection(port, text) {
  return new Promise((done) => {
    let answer = '';
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => text !== undefined && socket.write(text));
    socket.on('data', (part) => (answer += part));
    socket.on('error', () => done({ answer, socket }));
    socket.on('close', () => done({ answer, socket }));
    socket.on('end', () => socket.end());
  });
}

test('slow, half-closed and vanishing clients harm nobody', async (t) => {
  const company = await Company.open(t);
  const port = company.ports.manager;
  const open = [];
  t.after(() => open.forEach((socket) => socket.destroy()));
  const connect = (text) => new Promise((done) => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => {
      if (text) socket.write(text);
      open.push(socket);
      done(socket);
    });
    socket.on('error', () => {});
  });
  const head = `POST /hooks/agent HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${company.token('manager.hooks')}\r\nContent-Length: 1000\r\n`;
  for (let i = 0; i < 100; i++) {
    await connect(head); // headers that never end
    await connect(`${head}\r\n{"mess`); // a body that never comes
    const half = await connect(`${head}\r\n{"message":"m"`);
    half.end();
    const gone = await connect(`${head}\r\n`);
    gone.destroy();
  }
  const runs = [];
  for (let i = 0; i < 20; i++) {
    const body = JSON.stringify({ message: `echo:v${i}` });
    const socket = await connect(`POST /hooks/agent HTTP/1.1\r\nHost: x\r\nIdempotency-Key: v${i}\r\nAuthorization: Bearer ${company.token('manager.hooks')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    if (i % 2) socket.resetAndDestroy(); // hangs up in mid-answer
    runs.push(i);
  }
  assert.equal((await company.ask('manager', 'echo:alive')).code, 0, 'others are served beside them');
  for (const i of runs) {
    const { status, json } = await company.post('manager', { message: `echo:v${i}` }, { headers: { 'idempotency-key': `v${i}` } });
    assert.equal(status, 202);
    await until(`v${i}`, async () => (await company.result('manager', json.runId)).json.state === 'done');
  }
  assert.equal(await taskCount(company), 21);
});

test('garbage instead of HTTP is answered or cut, never a crash', async (t) => {
  const company = await Company.open(t);
  const before = company.pid('gateway-manager');
  for (const text of ['\0\0\0\0', 'GET\r\n\r\n', `GET /${'x'.repeat(100000)} HTTP/1.1\r\n\r\n`, `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(20000)}\r\n`,
    'POST /hooks/agent HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n', 'POST /hooks/agent HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n\r\n']) {
    const client = rawConnection(company.ports.manager, text);
    await Promise.race([client, new Promise((done) => setTimeout(done, 300))]);
  }
  assert.equal((await company.ask('manager', 'echo:alive')).code, 0);
  assert.equal(company.pid('gateway-manager'), before);
});

test('a watcher that leaves while it waits costs nothing', async (t) => {
  const company = await Company.open(t);
  const { json } = await company.post('manager', { message: 'pause1s:watched' });
  const url = `http://127.0.0.1:${company.ports.manager}/hooks/runs/${json.runId}?wait=30`;
  for (let i = 0; i < 50; i++) {
    const request = http.get(url, { headers: { authorization: `Bearer ${company.token('manager.hooks')}` } });
    request.on('error', () => {});
    await new Promise((done) => request.once('socket', (socket) => (socket.connecting ? socket.once('connect', done) : done())));
    request.destroy();
  }
  const { json: end } = await company.result('manager', json.runId);
  assert.equal(end.state, 'done');
});

test('a second hub is refused and says who is there', async (t) => {
  const company = await Company.open(t);
  const first = company.pid('hub');
  const second = await company.hq('hub', { timeout: 15000 });
  assert.notEqual(second.code, 0);
  assert.match(second.stderr + second.stdout + company.logs(), new RegExp(`${first}|already|another`, 'i'));
  assert.equal(company.pid('hub'), first);
  assert.equal((await company.ask('manager', 'echo:one-hub')).code, 0);
});

test('a ledger of a newer version is left alone', async (t) => {
  const company = await Company.open(t);
  await company.ask('manager', 'echo:old');
  assert.equal((await company.hq('down')).code, 0);
  // SQLite keeps user_version at byte 60 of the file.
  const path = join(company.dir, 'state/ledger.db');
  const bytes = readFileSync(path);
  const version = bytes.readUInt32BE(60);
  assert.ok(version > 0 && version < 1000, `user_version ${version}`);
  bytes.writeUInt32BE(4000, 60);
  writeFileSync(path, bytes);
  const result = await company.hq('up', '-d', '--wait', '--timeout', '15s');
  assert.notEqual(result.code, 0);
  assert.match(result.stderr + result.stdout + company.logs(), /newer|version/i);
  await company.hq('down');
  bytes.writeUInt32BE(version, 60);
  writeFileSync(path, bytes);
  await company.up();
});

test('a state folder that cannot be written is a clear error', async (t) => {
  const company = await Company.open(t, { up: false });
  const state = join(company.dir, 'state');
  if (process.getuid() === 0) writeFileSync(state, 'a file, no folder\n');
  else mkdirSync(state), chmodSync(state, 0o500);
  const result = await company.hq('up', '-d', '--wait', '--timeout', '15s');
  assert.notEqual(result.code, 0);
  assert.match(result.stderr, /state/);
});
