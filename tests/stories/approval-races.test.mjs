// An approval is raced by its expiry, by a second person, by cancel, by an edit of the file, and by a hub
// that is down at the deadline: one legal outcome each, told to everybody.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Company, until } from './company.mjs';
import { checkRun, decide, gateOf, lookRun, runEnded, startRun, untilGate, untilRun, untilRunEnds, writeFlow } from './flows.mjs';

const gated = (approve = {}) => ({
  steps: {
    ask: { approve: { title: 'Release?', show: 'the very bytes', expires: '1h', ...approve } },
    after: { needs: ['ask'], wait: { for: '1ms' } },
  },
});

const people = (config) => {
  config.people = { boss: { roles: ['ceo'], local: true }, ann: { roles: ['engineer'] }, bob: { roles: ['engineer'] } };
};

async function open(t, approve) {
  const company = await Company.open(t, { agents: 1, change: people });
  writeFlow(company, 'gated', gated(approve));
  return company;
}

// Which decision won, as everyone who looks can see it.
async function outcome(company, id) {
  const run = await untilRunEnds(company, id);
  const [gate] = run.approvals;
  assert.notEqual(gate.state, 'pending');
  assert.equal(run.state === 'done', gate.state === 'approved', `${run.state} after ${gate.state}`);
  assert.equal(run.steps.after.state, run.state === 'done' ? 'done' : run.state === 'cancelled' ? run.steps.after.state : 'not_run');
  await checkRun(company, id);
  return { run, gate };
}

test('twenty words of three people at once: the first one wins, the others are told whose it was', async (t) => {
  const company = await open(t, { by: ['role:engineer', 'role:ceo'] });
  const id = await startRun(company, 'gated');
  const item = await untilGate(company, id);
  const tokens = ['operator', 'person.ann', 'person.bob'].map((name) => company.token(name));
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) =>
    decide(company, item.id, i % 2 ? 'approved' : 'rejected', { token: tokens[i % 3], feedback: `word ${i}` })));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1, answers.map(({ text }) => text).join('\n'));
  const { gate } = await outcome(company, id);
  for (const { status, json } of answers.filter((answer) => answer.status !== 200)) {
    assert.equal(status, 409);
    assert.equal(json.error.code, 'decided');
    assert.match(json.error.message, new RegExp(`${gate.state}.*${gate.decided_by.replace('person:', '')}`));
  }
});

test('a word at the moment of the expiry: approved or expired, never both', async (t) => {
  const company = await open(t, { expires: '1s' });
  const ids = await Promise.all(Array.from({ length: 12 }, () => startRun(company, 'gated')));
  await Promise.all(ids.map(async (id, i) => {
    const item = await gateOf(company, id);
    const due = Date.parse(item.expires_at) - 6 + i;
    await until('the moment', () => Date.now() >= due);
    const answer = await decide(company, item.id, 'approved');
    const { run, gate } = await outcome(company, id);
    if (answer.status === 200) assert.deepEqual([run.state, gate.state], ['done', 'approved']);
    else assert.deepEqual([answer.json.error.code, run.state, gate.state], ['expired', 'rejected', 'expired'], answer.text);
  }));
});

test('the hub is down at the deadline: it is rejected at the next start, and a late word is told so', async (t) => {
  const company = await open(t, { expires: '2s' });
  const id = await startRun(company, 'gated');
  const item = await gateOf(company, id);
  await company.hq('down');
  await until('the deadline has passed', () => Date.now() > Date.parse(item.expires_at) + 50);
  await company.up();
  const answer = await decide(company, item.id, 'approved');
  assert.equal(answer.json.error?.code, 'expired', answer.text);
  const { run } = await outcome(company, id);
  assert.equal(run.state, 'rejected');
});

test('cancel against approve: the run ends one way and the gate agrees', async (t) => {
  const company = await open(t);
  const ids = await Promise.all(Array.from({ length: 10 }, () => startRun(company, 'gated')));
  await Promise.all(ids.map(async (id, i) => {
    const item = await untilGate(company, id);
    const acts = [() => decide(company, item.id, 'approved'), () => company.api('POST', `/v1/runs/${id}/cancel`, {})];
    await Promise.all((i % 2 ? acts : acts.reverse()).map((act) => act()));
    const run = await untilRunEnds(company, id);
    assert.ok(['done', 'cancelled'].includes(run.state), run.state);
    const [gate] = run.approvals;
    if (run.state === 'done') assert.equal(gate.state, 'approved');
    else assert.ok(['approved', 'cancelled'].includes(gate.state), gate.state);
    await checkRun(company, id);
  }));
});

test('the file is edited while a person thinks: the run goes on as it began, the next one is the new one', async (t) => {
  const company = await open(t);
  const old = await startRun(company, 'gated');
  const item = await untilGate(company, old);
  writeFlow(company, 'gated', { steps: { other: { wait: { for: '1ms' } } }, output: 'the new file' });
  const { json } = await company.api('GET', `/v1/inbox/${item.id}`);
  assert.match(json.item?.subject ?? json.subject, /the very bytes/);
  assert.equal((await decide(company, item.id, 'approved')).status, 200);
  const { run } = await outcome(company, old);
  assert.deepEqual(Object.keys(run.steps), ['ask', 'after']);
  const fresh = await startRun(company, 'gated');
  const ended = await untilRunEnds(company, fresh);
  assert.deepEqual([Object.keys(ended.steps), ended.output], [['other'], 'the new file']);
  assert.notEqual(ended.definition, run.definition);
});

test('a word on other bytes than those that are asked about is refused', async (t) => {
  const company = await open(t);
  const id = await startRun(company, 'gated');
  const item = await untilGate(company, id);
  const wrong = await decide(company, item.id, 'approved', { subject_hash: '0'.repeat(64) });
  assert.deepEqual([wrong.status, wrong.json.error.code], [409, 'other_bytes']);
  assert.ok(!runEnded((await lookRun(company, id)).state));
  const { json } = await company.api('GET', `/v1/inbox/${item.id}`);
  const right = await decide(company, item.id, 'approved', { subject_hash: (json.item ?? json).subject_hash });
  assert.equal(right.status, 200, right.text);
  await outcome(company, id);
});

test('four eyes and two votes: who started it has no say, one vote is not two, one rejection is enough', async (t) => {
  const company = await open(t, { four_eyes: true, votes: 2, by: ['role:engineer', 'person:boss'] });
  const [ann, bob] = ['person.ann', 'person.bob'].map((name) => company.token(name));
  const first = await startRun(company, 'gated');
  const item = await untilGate(company, first);
  const own = await decide(company, item.id, 'approved');
  assert.deepEqual([own.status, own.json.error.code], [403, 'four_eyes']);
  assert.equal((await decide(company, item.id, 'approved', { token: ann })).status, 200);
  assert.equal((await decide(company, item.id, 'approved', { token: ann })).status, 409);
  await untilRun(company, first, 'still waits', (run) => run.approvals[0].state === 'pending');
  assert.equal((await decide(company, item.id, 'approved', { token: bob })).status, 200);
  assert.equal((await outcome(company, first)).run.state, 'done');

  const second = await startRun(company, 'gated');
  const other = await untilGate(company, second);
  assert.equal((await decide(company, other.id, 'approved', { token: bob })).status, 200);
  assert.equal((await decide(company, other.id, 'rejected', { token: ann, feedback: 'wrong load case' })).status, 200);
  assert.equal((await outcome(company, second)).run.state, 'rejected');
});
