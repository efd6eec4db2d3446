// Traces: what has ended is told to a receiver of OpenTelemetry, whatever happens to it or to the hub in
// between, always under the same ids, and without what was asked or answered unless somebody wants it.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, until } from './company.mjs';
import { sum, parseExposition } from './exposition.mjs';
import { attribute, Receiver } from './otlp.mjs';

const script = [
  { when: { user: '/boss/', step: 0 }, say: 'I ask.', call: [{ tool: 'delegate', with: { agent: 'tech-lead', instruction: 'secret words below' } }] },
  { when: { user: '/boss/' }, say: 'the answer is secret' },
  { when: { user: 'refuse me' }, fault: 'refused', say: 'x' },
  { when: { user: '/work:([A-Za-z0-9]+)/', step: 0 }, say: 'I write.', call: [{ tool: 'write', with: { path: 'f.txt', content: 'secret content' } }] },
  { say: 'secret reply' },
];

const open = (t, receiver, telemetry = {}, options = {}) => Company.open(t, {
  agents: 2, script, ...options,
  change: (config) => {
    config.telemetry = { otlp: `http://127.0.0.1:${receiver.port}`, ...telemetry };
    config.agents.manager.delegates = ['*'];
  },
});

const metric = async (company, name) => sum(parseExposition((await company.api('GET', '/metrics')).text), name);

// Every ended task once; what came twice is the same span.
function holds(receiver, ids) {
  assert.deepEqual(receiver.errors, []);
  for (const id of ids) {
    const found = receiver.of('hq.task', id);
    assert.ok(found.length >= 1, `${id} was not told`);
    assert.equal(new Set(found.map((span) => span.spanId + span.traceId)).size, 1, 'told again under the same ids');
  }
}

test('a request is one trace: tasks, model calls, tools, in each other as they were', async (t) => {
  const receiver = await Receiver.open(t);
  process.env.HQ_TEST_TRACE_KEY = 'k-12345';
  t.after(() => delete process.env.HQ_TEST_TRACE_KEY);
  const company = await open(t, receiver, { headers: { 'x-api-key': { env: 'HQ_TEST_TRACE_KEY' } } });
  const { task } = await company.ask('manager', 'boss: secret question');
  const work = await company.ask('tech-lead', 'work:x');
  const bad = await company.ask('tech-lead', 'refuse me');
  await until('all is told', () => [task, work.task, bad.task].every(({ id }) => receiver.of('hq.task', id).length));
  assert.equal(receiver.posts[0].headers['x-api-key'], 'k-12345');

  const [root] = receiver.of('hq.task', task.id);
  const trace = receiver.spans.filter(({ traceId }) => traceId === root.traceId);
  const models = trace.filter((span) => attribute(span, 'gen_ai.operation.name') === 'chat');
  const [delegate] = trace.filter((span) => attribute(span, 'gen_ai.tool.name') === 'delegate');
  const [child] = trace.filter((span) => attribute(span, 'gen_ai.agent.name') === 'tech-lead');
  assert.equal(root.parentSpanId, undefined);
  assert.equal(delegate.parentSpanId, root.spanId);
  assert.equal(child.parentSpanId, delegate.spanId);
  assert.deepEqual(models.map(({ parentSpanId }) => parentSpanId).sort(), [root.spanId, root.spanId, child.spanId].sort());
  const ask = models.find(({ parentSpanId }) => parentSpanId === child.spanId);
  assert.equal(ask.name, 'chat tech-lead');
  assert.equal(ask.kind, 3);
  assert.equal(attribute(ask, 'gen_ai.request.model'), 'tech-lead');
  const { calls } = await company.task(attribute(child, 'hq.task'));
  assert.equal(attribute(ask, 'gen_ai.usage.input_tokens') ?? 0, calls[0].tokens_in ?? 0);
  assert.equal(root.status.code, 1);
  assert.ok(receiver.spans.some((span) => attribute(span, 'gen_ai.tool.name') === 'write'));
  const [failed] = receiver.of('hq.task', bad.task.id);
  assert.deepEqual(failed.status, { code: 2 });
  assert.equal(attribute(failed, 'error.type'), 'refused');
  assert.ok(!receiver.posts.some(({ text }) => /secret|work:x/.test(text)), 'nothing of what was said');
  await until('the hub has counted it', async () => (await metric(company, 'hq_trace_spans_total')) === receiver.spans.length);
});

test('with content on, what was asked goes along', async (t) => {
  const receiver = await Receiver.open(t);
  const company = await open(t, receiver, { content: 'on' });
  const { task } = await company.ask('tech-lead', 'work:y');
  await until('told', () => receiver.of('hq.task', task.id).length);
  assert.equal(attribute(receiver.of('hq.task', task.id)[0], 'hq.instruction'), 'work:y');
  assert.match(receiver.posts.map(({ text }) => text).join(), /secret content/);
});

test('a receiver that is away, busy or refuses loses nothing that it could have taken', async (t) => {
  const receiver = await Receiver.open(t);
  const company = await open(t, receiver);
  const port = receiver.port;
  await receiver.close();
  const first = await company.ask('tech-lead', 'one');
  await until('it was tried', async () => (await metric(company, 'hq_trace_export_failures_total')) > 0);

  const busy = await Receiver.open(t, port);
  busy.answer = (n) => (n === 0 ? [429, { 'retry-after': '2' }, '{}'] : n === 1 ? [503, {}, ''] : [200, {}, '{}']);
  await until('told after all', () => busy.of('hq.task', first.task.id).length);
  assert.ok(busy.posts[1].at - busy.posts[0].at >= 1900, 'Retry-After is kept to');
  assert.deepEqual(busy.posts.map(({ status }) => status), [429, 503, 200]);

  busy.answer = () => [400, {}, '{"message":"no"}'];
  const given = await company.ask('tech-lead', 'two');
  await until('given up', async () => (await metric(company, 'hq_trace_spans_dropped_total')) > 0);
  busy.answer = () => [200, {}, JSON.stringify({ partialSuccess: { rejectedSpans: '1', errorMessage: 'too old' } })];
  const dropped = await metric(company, 'hq_trace_spans_dropped_total');
  const last = await company.ask('tech-lead', 'three');
  await until('the next is told', () => busy.of('hq.task', last.task.id).length);
  await until('the rejected are counted', async () => (await metric(company, 'hq_trace_spans_dropped_total')) === dropped + 1);
  assert.equal(busy.of('hq.task', given.task.id).length, 0);
  assert.match(company.logs(), /spans are given up: the receiver answered 400/);
  assert.match(company.logs(), /rejected 1 spans: too old/);
  holds(busy, [first.task.id, last.task.id]);
});

test('killed again and again, the hub tells every end', async (t) => {
  const receiver = await Receiver.open(t);
  const company = await open(t, receiver);
  const ids = [];
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 4; i++) ids.push((await company.ask('tech-lead', `r${round} n${i}`)).task.id);
    await company.reborn('hub', company.kill('hub'));
  }
  await until('all are told', () => ids.every((id) => receiver.of('hq.task', id).length));
  holds(receiver, ids);
  t.diagnostic(`${ids.length} tasks, ${receiver.posts.length} posts, ${receiver.spans.length} spans, ${new Set(receiver.spans.map(({ spanId }) => spanId)).size} different`);
});

test('killed at each of its points, it tells again under the same ids', async (t) => {
  const receiver = await Receiver.open(t);
  const marks = mkdtempSync(join(tmpdir(), 'hq-crash-'));
  t.after(() => rmSync(marks, { recursive: true, force: true }));
  const points = ['post.before#1', 'post.after#1', 'cursor.before#2', 'cursor.after#2'].map((point) => `hub/traces.${point}`);
  const company = await open(t, receiver, {}, { env: { HQ_CRASH_DIR: marks, HQ_CRASH_AT: points.join(',') } });
  const ids = [];
  for (let i = 0; i < 6; i++) {
    ids.push((await company.ask('tech-lead', `p${i}`)).task.id);
    await until('it is told', () => receiver.of('hq.task', ids[i]).length);
  }
  await until('each point was met', () => readdirSync(marks).filter((name) => name.startsWith('fired')).length === points.length);
  await until('and survived', () => company.lock('hub')?.ready);
  holds(receiver, ids);
  assert.ok(receiver.spans.length > new Set(receiver.spans.map(({ spanId }) => spanId)).size, 'some were told twice');
});

test('a cursor of another ledger means from now on; a value in the file is refused without repeating it', async (t) => {
  const receiver = await Receiver.open(t);
  const company = await open(t, receiver);
  const { task } = await company.ask('tech-lead', 'first');
  await until('told', () => receiver.of('hq.task', task.id).length);
  await company.hq('down');
  writeFileSync(join(company.dir, 'state/traces.json'), '{"v":1,"ledger":"0123","no":1}');
  await company.up();
  const next = await company.ask('tech-lead', 'second');
  await until('told', () => receiver.of('hq.task', next.task.id).length);
  assert.equal(receiver.of('hq.task', task.id).length, 1);
  assert.ok(existsSync(join(company.dir, 'state/traces.json')));
  company.writeConfig({ ...company.config, telemetry: { otlp: 'http://127.0.0.1:1', headers: { 'x-key': 'plain-secret' } } });
  const checked = await company.hq('config', 'validate');
  assert.equal(checked.code, 2);
  assert.match(checked.stdout + checked.stderr, /x-key: a secret must not stand in this file/);
  assert.doesNotMatch(checked.stdout + checked.stderr, /plain-secret/);
  company.writeConfig(company.config);
});
