// Handing over: reports, plain answers, schemas that are held to, artefacts that are measured.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, until } from './company.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const schema = { type: 'object', required: ['facts'], properties: { facts: { type: 'array', items: { type: 'string' }, minItems: 1 } }, additionalProperties: false };
const good = { facts: ['water is wet'] };
const report = (arguments_) => [{ tool: 'report', with: arguments_ }];

const script = [
  { when: { user: 'report all', step: 0 }, say: 'I report.', call: report({ status: 'complete', result: good, confidence: 'medium', notes: 'One source.', artefacts: [{ name: 'table.csv', path: 'out/table.csv' }, { path: 'notes.md', type: 'text/x-notes' }] }) },
  { when: { user: 'report blocked', step: 0 }, say: '', call: report({ status: 'blocked', notes: 'I have no key.' }) },
  { when: { user: 'report partial', step: 0 }, say: '', call: report({ status: 'partial', result: 'half of it', confidence: 'low' }) },
  { when: { user: 'report lies', step: 0 }, say: '', call: report({ status: 'complete', result: 1, artefacts: [{ name: 'a.txt', path: 'a.txt', size: 5000000, sha256: 'f'.repeat(64) }] }) },
  { when: { user: '/report file:([^ ]+)/', step: 0 }, say: '', call: report({ status: 'complete', result: 'x', artefacts: [{ name: 'stolen', path: '{{1}}' }] }) },
  { when: { user: '/report file/', step: 1, failed: true }, say: 'could not: {{tool_result}}' },
  { when: { user: 'report badly', step: 0 }, say: '', call: report({ status: 'finished', result: 'x' }) },
  { when: { user: 'report badly twice', step: 1 }, say: '', call: report({ status: 'complete' }) },
  { when: { user: 'report badly once', step: 1 }, say: '', call: report({ status: 'complete', result: 'mended' }) },
  { when: { user: 'report misfit', step: 0 }, say: '', call: report({ status: 'complete', result: { facts: [] } }) },
  { when: { user: 'report misfit', step: 1, failed: true, contains: '/facts: must have at least 1 items, not 0' }, say: '', call: report({ status: 'complete', result: good }) },
  { when: { user: 'report slowly', step: 0 }, say: '', delay: '5s', call: report({ status: 'complete', result: 'the right one' }) },
  { when: { user: 'report dollar', step: 0 }, say: '', call: report({ status: 'complete', result: { $blob: sha256(JSON.stringify('top secret')) } }) },
  { when: { user: 'json then told', contains: 'never' }, say: 'x' },
  { when: { user: '/^\\[hq\\] The result does not fit/', system: 'mends' }, say: JSON.stringify(good) },
  { when: { user: '/^\\[hq\\] The result does not fit/' }, say: 'still no JSON' },
  { when: { user: 'fenced' }, say: `\`\`\`json\n${JSON.stringify(good)}\n\`\`\`` },
  { when: { user: 'plain' }, say: 'The answer is 42.' },
  { say: 'no JSON here' },
];

async function submit(company, agent, instruction, more = {}) {
  const answer = await company.api('POST', '/v1/tasks', { agent, instruction, kind: 'ask', key: `${instruction} ${Math.random()}`, ...more });
  return answer;
}

// The ended task with its handoff.
async function ended(company, agent, instruction, more) {
  const submitted = await submit(company, agent, instruction, more);
  assert.equal(submitted.status, 201, submitted.text);
  const id = submitted.json.task.id;
  const answer = await until(`${instruction} ends`, async () => {
    const got = await company.api('GET', `/v1/tasks/${id}?wait_ms=5000&full=1`);
    return got.json?.handoff && got.json;
  });
  return { ...answer, id };
}

async function open(t, options = {}) {
  const company = await Company.open(t, { agents: 2, script, ...options });
  if (options.agents !== 1) writeFileSync(join(company.workspace('tech-lead'), 'SOUL.md'), '# SOUL.md\n\nThis agent mends what it is told.\n');
  return company;
}

test('a report hands over status, result, confidence, notes and measured files', async (t) => {
  const company = await open(t);
  const workspace = company.workspace('manager');
  mkdirSync(join(workspace, 'out'));
  writeFileSync(join(workspace, 'out/table.csv'), 'a,b\n1,2\n');
  writeFileSync(join(workspace, 'notes.md'), '# Notes ä\n');
  const { task, handoff, id } = await ended(company, 'manager', 'report all', { result_schema: schema });
  assert.equal(task.state, 'done');
  assert.deepEqual(handoff.result, good);
  assert.equal(handoff.status, 'complete');
  assert.equal(handoff.confidence, 'medium');
  assert.equal(handoff.notes, 'One source.');
  assert.deepEqual(handoff.artefacts, [
    { name: 'table.csv', type: 'text/csv', size: 8, sha256: sha256('a,b\n1,2\n') },
    { name: 'notes.md', type: 'text/x-notes', size: 11, sha256: sha256('# Notes ä\n') },
  ]);
  const shown = await company.hq('task', 'show', id);
  assert.match(shown.stdout, /artefact +table\.csv, text\/csv, 8 bytes/);

  // People fetch it by name; a file that is there is left alone.
  const fetched = await company.hq('task', 'artefact', id, 'table.csv');
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.equal(fetched.stdout, 'a,b\n1,2\n');
  const file = join(company.dir, 'fetched.csv');
  assert.equal((await company.hq('task', 'artefact', id, 'table.csv', '-o', file)).code, 0);
  assert.equal(readFileSync(file, 'utf8'), 'a,b\n1,2\n');
  assert.equal((await company.hq('task', 'artefact', id, 'table.csv', '-o', file)).code, 1);
  const none = await company.hq('task', 'artefact', id, 'other.csv');
  assert.equal(none.code, 1);
  assert.match(none.stderr, /hands over no artefact "other\.csv"/);

  // The document that others read.
  const document = (await company.hq('task', 'handoff', id)).json;
  assert.equal(document.schema_version, 1);
  assert.equal(document.run_id, `${id}/${task.fence}`);
  assert.deepEqual(document.failure, null);
  assert.deepEqual(document.artefacts, handoff.artefacts);
  await company.check();
});

test('an agent reads a blob only as an artefact of a task that it may see', async (t) => {
  const company = await open(t);
  writeFileSync(join(company.workspace('manager'), 'a.txt'), 'secret plan\n');
  const { id, handoff } = await ended(company, 'manager', 'report lies');
  const path = `/v1/blobs/${handoff.artefacts[0].sha256}`;
  assert.equal((await company.api('GET', path)).text, 'secret plan\n');
  assert.equal((await company.api('GET', `${path}?task=${id}`, undefined, company.token('manager'))).text, 'secret plan\n');
  assert.equal((await company.api('GET', path, undefined, company.token('manager'))).status, 403);
  assert.equal((await company.api('GET', path, undefined, company.token('tech-lead'))).status, 403);
  assert.equal((await company.api('GET', `${path}?task=${id}`, undefined, company.token('tech-lead'))).status, 404);
  const own = await ended(company, 'tech-lead', 'plain');
  assert.equal((await company.api('GET', `${path}?task=${own.id}`, undefined, company.token('tech-lead'))).status, 403);
  assert.equal((await company.api('GET', path, undefined, company.token('manager.hooks'))).status, 403);
  await company.check();
});

test('what a model says of size and hash is not taken over, and is told', async (t) => {
  const company = await open(t);
  writeFileSync(join(company.workspace('manager'), 'a.txt'), 'short\n');
  const { handoff } = await ended(company, 'manager', 'report lies');
  assert.deepEqual(handoff.artefacts, [{ name: 'a.txt', type: 'text/plain', size: 6, sha256: sha256('short\n') }]);
  assert.match(handoff.notes, /\[hq\] The agent gave another size for a\.txt; it has 6 bytes\./);
  assert.match(handoff.notes, /\[hq\] The agent gave another sha256 for a\.txt/);
  await company.check();
});

test('no file outside of the workspace is handed over', async (t) => {
  const company = await open(t);
  const token = join(company.dir, 'secrets/operator.token');
  symlinkSync(token, join(company.workspace('manager'), 'link'));
  for (const path of [token, '../../secrets/operator.token', 'link', 'missing.txt', '.', '/etc/passwd']) {
    const { task, handoff } = await ended(company, 'manager', `report file:${path}`, { name: path });
    assert.deepEqual(handoff.artefacts, [], path);
    // The refused report counts as a misfit; the plain answer behind it is the result.
    assert.equal(task.state, 'done', `${path}: ${task.failure_message}`);
    assert.match(handoff.result, /^could not: .*(outside|leads out|symbolic link|does not exist|is a folder)/, path);
  }
  await company.check();
});

test('blocked, partial and plain answers end as what they are', async (t) => {
  const company = await open(t);
  const blocked = await ended(company, 'manager', 'report blocked', { result_schema: schema });
  assert.equal(blocked.task.state, 'failed');
  assert.equal(blocked.task.failure_class, 'blocked');
  assert.equal(blocked.task.failure_message, 'I have no key.');
  assert.equal(blocked.handoff.status, 'blocked');
  const document = (await company.hq('task', 'handoff', blocked.id)).json;
  assert.deepEqual(document.failure, { class: 'blocked', message: 'I have no key.' });
  const partial = await ended(company, 'manager', 'report partial');
  assert.equal(partial.task.state, 'done');
  assert.deepEqual([partial.handoff.status, partial.handoff.result, partial.handoff.confidence], ['partial', 'half of it', 'low']);
  const plain = await ended(company, 'manager', 'plain');
  assert.deepEqual([plain.handoff.status, plain.handoff.result, plain.handoff.confidence], ['complete', 'The answer is 42.', undefined]);
  await company.check();
});

test('a result that does not fit goes back once, then the task is malformed', async (t) => {
  const company = await open(t);
  const asks = (task) => task.calls.filter((call) => call.kind === 'model').length;
  const fenced = await ended(company, 'manager', 'fenced', { result_schema: schema });
  assert.deepEqual(fenced.handoff.result, good);
  assert.equal(asks(fenced), 1);
  const mended = await ended(company, 'tech-lead', 'say it', { result_schema: schema });
  assert.equal(mended.task.state, 'done', mended.task.failure_message);
  assert.deepEqual(mended.handoff.result, good);
  assert.equal(asks(mended), 2);
  const twice = await ended(company, 'manager', 'say it', { result_schema: schema });
  assert.equal(twice.task.state, 'failed');
  assert.equal(twice.task.failure_class, 'malformed');
  assert.match(twice.task.failure_message, /2 final words did not do.*must be of type object, not "still no JSON"/s);
  assert.equal(twice.handoff.result ?? null, null);
  assert.equal(asks(twice), 2);
  const reported = await ended(company, 'manager', 'report misfit', { result_schema: schema });
  assert.equal(reported.task.state, 'done', reported.task.failure_message);
  assert.deepEqual(reported.handoff.result, good);
  const once = await ended(company, 'manager', 'report badly once');
  assert.equal(once.handoff.result, 'mended');
  const badly = await ended(company, 'manager', 'report badly twice');
  assert.equal(badly.task.failure_class, 'malformed');
  assert.match(badly.task.failure_message, /The result is missing/);
  // The transcript tells the same story.
  const folder = join(company.dir, 'instances/tech-lead/agents/main/sessions');
  await until('the transcript tells it', () => readdirSync(folder).some((name) =>
    name.endsWith('.jsonl') && readFileSync(join(folder, name), 'utf8').includes('[hq] The result does not fit')));
  await company.check();
});

test('the second chance is not given twice when the gateway dies in between', async (t) => {
  const company = await open(t, { env: {} });
  const submitted = await submit(company, 'manager', 'say it', { result_schema: schema, key: 'death' });
  const pid = company.pid('gateway-manager');
  company.kill('gateway-manager');
  await company.reborn('gateway-manager', pid);
  const answer = await until('it ends', async () => {
    const got = await company.api('GET', `/v1/tasks/${submitted.json.task.id}?wait_ms=5000&full=1`);
    return got.json?.handoff && got.json;
  });
  assert.equal(answer.task.failure_class, 'malformed');
  assert.equal(answer.calls.filter((call) => call.kind === 'model').length, 2);
  await company.check();
});

for (const point of ['tool.report.upload#1', 'client.receive.after#2', 'turn.tool.after#1', 'turn.report.after#2'])
  test(`a death at ${point} changes nothing of a report`, async (t) => {
    const points = mkdtempSync(join(tmpdir(), 'hq-points-'));
    t.after(() => rmSync(points, { recursive: true, force: true }));
    const company = await open(t, { agents: 1, env: { HQ_CRASH_DIR: points, HQ_CRASH_AT: `gateway-manager/${point}` } });
    writeFileSync(join(company.workspace('manager'), 'a.txt'), 'short\n');
    const { task, handoff, calls } = await ended(company, 'manager', 'report lies');
    assert.ok(readdirSync(points).some((name) => name.startsWith('fired.')), 'the gateway died');
    assert.equal(task.state, 'done', task.failure_message);
    assert.deepEqual(handoff.artefacts, [{ name: 'a.txt', type: 'text/plain', size: 6, sha256: sha256('short\n') }]);
    assert.equal(calls.filter((call) => call.name === 'report').length, 1);
    await company.check();
  });

test('a schema that could not be held to is refused by name', async (t) => {
  const company = await open(t);
  for (const [bad, part] of [
    [{ type: 'object', if: true }, /the keyword "if" is not supported/],
    [{ properties: { a: { type: 'text' } } }, /\/properties\/a\/type/],
    [{ pattern: '((a{255}){255}){255}' }, /repeats too much/],
    [[], /must be one schema/],
  ]) {
    const answer = await submit(company, 'manager', 'plain', { result_schema: bad });
    assert.equal(answer.status, 400, answer.text);
    assert.equal(answer.json.error.code, 'bad_schema');
    assert.match(answer.json.error.message, part);
  }
  await company.check();
});

// A Chat Completions server that answers everything with one report of `size` letters.
async function withProvider(t, size) {
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => {
      const chunk = (delta, reason = null) => response.write(`data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      chunk({ role: 'assistant', tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'report', arguments: '{"status":"complete","result":"' } }] });
      for (let left = size; left > 0; left -= 65536) chunk({ tool_calls: [{ index: 0, function: { arguments: 'x'.repeat(Math.min(left, 65536)) } }] });
      chunk({ tool_calls: [{ index: 0, function: { arguments: '"}' } }] });
      chunk({}, 'tool_calls');
      response.end('data: [DONE]\n\n');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const company = await Company.open(t, {
    up: false, agents: 1, agent: { model: 'big/m' },
    models: { big: { api: 'openai-chat', base_url: `http://127.0.0.1:${server.address().port}/v1`, api_key: { file: 'secrets/big.key' } } },
  });
  mkdirSync(join(company.dir, 'secrets'), { mode: 0o700 });
  writeFileSync(join(company.dir, 'secrets/big.key'), 'k\n', { mode: 0o600 });
  await company.up();
  return company;
}

test('a large result is a blob that people get whole', async (t) => {
  const company = await withProvider(t, 3 << 20);
  const { task, handoff, id } = await ended(company, 'manager', 'large');
  assert.equal(task.state, 'done', task.failure_message);
  assert.equal(handoff.result, 'x'.repeat(3 << 20));
  assert.equal((await company.hq('task', 'handoff', id)).json.result.length, 3 << 20);
  await company.check();
});

for (const [size, what] of [[5 << 20, /more than 4194304 bytes/], [7 << 20, /bytes|large/], [10 << 20, /over 8388608 bytes|larger|too large/i]])
  test(`a result of ${size >> 20} MB ends in a clear answer`, async (t) => {
    const company = await withProvider(t, size);
    const { task } = await ended(company, 'manager', 'huge');
    assert.equal(task.state, 'failed');
    assert.match(task.failure_class, /^(malformed|failed)$/);
    assert.match(task.failure_message, what);
    await company.check();
  });

test('no result names a blob of others', async (t) => {
  const company = await open(t);
  const stored = await company.api('PUT', '/v1/blobs', 'top secret');
  assert.equal(stored.json.sha256, sha256(JSON.stringify('top secret')));
  const dollar = await ended(company, 'manager', 'report dollar');
  assert.deepEqual(dollar.handoff.result, { $blob: stored.json.sha256 });
  await company.check();
});

test('two finishers: the one with the current fence wins, the other is told', async (t) => {
  const company = await open(t);
  const submitted = await submit(company, 'manager', 'report slowly', { key: 'two' });
  const id = submitted.json.task.id;
  const { task } = await until('it works', async () => {
    const got = await company.task(id);
    return got.task.state === 'working' && got;
  });
  const finish = (fence, token) => company.api('POST', '/v1/batch', {
    request: `r${fence}${Math.random()}`,
    ops: [{ op: 'finish', task: id, fence, handoff: { v: 1, status: 'complete', result: 'forged', artefacts: [] } }],
  }, company.token(token));
  const stale = await finish(task.fence - 1, 'manager');
  assert.equal(stale.status, 409, stale.text);
  assert.equal(stale.json.error.code, 'lost');
  const foreign = await finish(task.fence, 'tech-lead');
  assert.ok([403, 404, 409].includes(foreign.status), foreign.text);
  const answer = await until('it ends', async () => {
    const got = await company.task(id);
    return got.handoff && got;
  });
  assert.equal(answer.handoff.result, 'the right one');
  const late = await finish(task.fence, 'manager');
  assert.equal(late.status, 409, late.text);
  await company.check();
});
