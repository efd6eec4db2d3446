// First light under the knife: a hook and an ask to one agent, a model over HTTP that remembers what it
// was asked, tools with effect, a delivery.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { repository, rules, until } from '../stories/company.mjs';
import { insist, untilEnded } from './operator.mjs';

const require = createRequire(join(repository, 'tests/package.json'));
const { LLMock } = require('@copilotkit/aimock');

// ---- the model: a provider over HTTP that remembers which step each task asked for ----

const asked = new Map(); // tag → steps in the order in which they were asked for

function answer(request) {
  const text = JSON.stringify(request.messages.findLast((message) => message.role === 'user').content);
  const tag = /work:([A-Za-z0-9]+)/.exec(text)[1];
  const step = request.messages.filter((message) => message.role === 'tool').length;
  asked.set(tag, [...(asked.get(tag) ?? []), step]);
  const call = (name, args) => ({ content: 'I work.', toolCalls: [{ id: `call_${step}`, name, arguments: JSON.stringify(args) }] });
  if (step === 0) return call('write', { path: `out-${tag}.txt`, content: `content of ${tag}\n` });
  if (step === 1) return call('exec', { command: `echo ${tag} >> appended-${tag}.txt; echo appended ${tag}` });
  return { content: `finished ${tag}` };
}

const mock = new LLMock({ port: 0, logLevel: 'silent', journalMaxEntries: 10 });
mock.addFixture({ match: { predicate: () => true }, response: answer });

// ---- the work, and what must be true afterwards ----

// A hook and an ask, each two tool calls long; the hook's answer is to be delivered somewhere.
async function work(company, tags) {
  const hook = await insist(company, 'the hook is accepted', async () => {
    const body = { message: `work:${tags.hook}`, deliver: true, channel: 'discord', model: 'mock/gpt-5' };
    const { status, json } = await company.post('manager', body, { headers: { 'idempotency-key': 'the-hook' } });
    return status === 202 && json.runId;
  });
  const ask = await insist(company, 'the ask is accepted', async () => {
    const { status, json } = await company.api('POST', '/v1/tasks', { agent: 'manager', kind: 'ask', key: 'the-ask', instruction: `work:${tags.ask}` });
    return (status === 200 || status === 201) && json.task.id;
  });
  for (const id of [hook, ask]) await untilEnded(company, id);
  return { hook, ask };
}

async function checkTask(company, id, tag) {
  const { task, handoff, calls, effects = [] } = await company.task(id);
  assert.equal(task.state, 'done', `${tag}: ${JSON.stringify(task)}`);
  assert.ok(task.tries <= 1, `${tag}: ${task.tries} tries; a death is none`);
  assert.equal(handoff.status, 'complete');
  assert.match(handoff.result, new RegExp(`^finished ${tag}`));
  assert.deepEqual(calls.map((call) => `${call.step}.${call.idx} ${call.name.split('/')[0]}`).map((text) => text.replace(/demo|mock/, 'model')),
    ['0.0 model', '0.1 write', '1.0 model', '1.1 exec', '2.0 model'], tag);
  for (const call of calls.filter((one) => one.name !== 'exec')) assert.equal(call.state, 'recorded', `${tag}: ${call.name} of step ${call.step}`);
  const exec = calls.find((call) => call.name === 'exec');
  const path = join(company.workspace('manager'), `appended-${tag}.txt`);
  const lines = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (exec.state === 'unknown') assert.ok(lines === '' || lines === `${tag}\n`, `${tag}: appended ${JSON.stringify(lines)}`);
  else assert.equal(lines, `${tag}\n`, `${tag}: appended exactly once`);
  assert.equal(readFileSync(join(company.workspace('manager'), `out-${tag}.txt`), 'utf8'), `content of ${tag}\n`);
  return { effects, unknown: exec.state === 'unknown' };
}

// Opening a lane writes what its transcript lacks (ledger.md, "Turns"): one more turn in each session.
async function reopen(company, ids) {
  for (const id of Object.values(ids)) {
    const { session } = (await company.task(id)).task;
    const { json } = await company.api('POST', '/v1/tasks', { agent: 'manager', kind: 'ask', key: `again ${id}`, session, instruction: 'echo:again' });
    await until('one more turn', async () => (await company.api('GET', `/v1/tasks/${json.task.id}?wait_ms=2000`)).json.task.state === 'done');
  }
}

// The transcript is written from the records: each message once, whatever died meanwhile.
function checkTranscripts(company, tags) {
  const dir = join(company.dir, 'instances/manager/agents/main/sessions');
  const files = readdirSync(dir).filter((name) => name.endsWith('.jsonl'));
  for (const tag of Object.values(tags)) {
    const mine = files.map((name) => readFileSync(join(dir, name), 'utf8')).filter((text) => text.includes(`work:${tag}`));
    if (mine.length !== 1) throw new Error(`${tag}: ${mine.length} transcripts`);
    const messages = mine[0].trim().split('\n').map((line) => JSON.parse(line)).filter((line) => line.type === 'message');
    const told = messages.map((line) => line.message.role).join(' ');
    if (told !== 'user assistant toolResult assistant toolResult assistant user assistant') throw new Error(`${tag}: the transcript has ${told}`);
  }
}

// Once the model was asked for a step, the steps before it are recorded and never asked again.
function checkModelCalls(tag) {
  const steps = asked.get(tag) ?? [];
  for (let i = 1; i < steps.length; i++) assert.ok(steps[i] >= steps[i - 1], `${tag}: the model was asked ${steps.join(', ')}`);
  assert.deepEqual([...new Set(steps)], [0, 1, 2], tag);
}

export const name = 'first light';

export const start = () => mock.start();
export const stop = () => mock.stop();

export const tags = (serial) => ({ hook: `h${serial}x`, ask: `a${serial}x` });

export const options = () => ({
  script: rules, models: { mock: { api: 'openai-chat', base_url: `${mock.url}/v1`, price: { in: 0, out: 0 } } },
});

export { work };

// Returns how many calls were declared unknown.
export async function check(company, ids, tags) {
  const hook = await checkTask(company, ids.hook, tags.hook);
  const ask = await checkTask(company, ids.ask, tags.ask);
  checkModelCalls(tags.hook);
  assert.deepEqual(hook.effects.map((effect) => effect.state), ['held'], 'one delivery, held');
  const { items } = (await company.api('GET', '/v1/tasks')).json;
  assert.deepEqual(items.map((item) => item.id).sort(), [ids.hook, ids.ask].sort(), 'two tasks, no more');
  await company.check();
  await reopen(company, ids);
  await until('the transcripts are whole', () => (checkTranscripts(company, tags), true)); // written a moment later
  return Number(hook.unknown) + Number(ask.unknown);
}
