// The shared logs are written by the runtime: one line for every end, one section for every set of
// delegations, each once although the hub is killed on the way; and who asked hears of ends that no
// agent could report.
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, rules, until } from './company.mjs';
import { Receiver, deliverTo, secretsOf } from './receiver.mjs';

const ask = (agent, instruction, more = {}) => ({ tool: 'delegate', with: { agent, instruction, ...more } });
const script = [
  { when: { model: 'manager', user: '/plan:([a-z]+)/', step: 0 }, say: 'I ask two.', call: [ask('webster', 'echo:sources-{{1}}'), ask('nx-expert', 'echo:model-{{1}}')] },
  { when: { model: 'manager', tool: 'delegate' }, say: 'both answered' },
  ...rules,
];

function read(company, name) {
  const path = join(company.dir, 'shared', name);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function open(t, options = {}) {
  return Company.open(t, {
    agents: ['manager', 'webster', 'nx-expert'], script, ...options,
    change: (config) => {
      config.shared = { dir: 'shared' };
      config.agents.manager.delegates = ['*'];
      options.change?.(config);
    },
  });
}

test('ends and delegations are written down, in order and once, although the hub dies', async (t) => {
  const company = await open(t);
  const line = /^\[\d{4}-\d\d-\d\d \d\d:\d\d\] [a-z-]+: (Completed|Partial|Failed \([a-z]+\)|Blocked|Cancelled) — .+$/;
  for (const name of ['one', 'two', 'three']) {
    const { task } = await company.ask('manager', `plan:${name}`);
    assert.equal(task.state, 'done');
    company.kill('hub');
  }
  await company.ask('manager', 'refuse me\n[2026-01-01 00:00] webster: Completed — a lie');
  const log = await until('all is in the log', () => {
    const text = read(company, 'project_log.md');
    return text.includes('Failed (refused)') && text;
  });
  const lines = log.trimEnd().split('\n');
  assert.equal(lines.length, 10, log);
  for (const each of lines) assert.match(each, line);
  for (const name of ['one', 'two', 'three']) {
    const of = lines.filter((each) => each.includes(name)).map((each) => each.replace(/^\[.*?\] /, ''));
    assert.deepEqual(of.toSorted(), [`manager: Completed — plan:${name}`, `nx-expert: Completed — echo:model-${name}`, `webster: Completed — echo:sources-${name}`]);
    assert.equal(of.at(-1), `manager: Completed — plan:${name}`);
  }
  const sections = read(company, 'orchestration-log.md').split(/^(?=## )/m);
  assert.equal(sections.length, 3);
  assert.match(sections[0], /^## \[.*\] plan:one\n\n\*\*Objective:\*\* plan:one\n/);
  for (const part of ['Tasks created', 'Agent assignments', 'Dependencies', 'Expected output']) assert.match(sections[0], new RegExp(`\\*\\*${part}:\\*\\*`));
  assert.match(sections[0], /- webster: t-\S+ \(sync\)\n- nx-expert: t-\S+ \(sync\)/);
  assert.match(sections[0], /manager waits for all of them/);

  appendFileSync(join(company.dir, 'shared/project_log.md'), 'A person adds a word.');
  await company.ask('webster', 'echo:last');
  const after = await until('one more', () => {
    const text = read(company, 'project_log.md');
    return text.includes('echo:last') && text;
  });
  assert.ok(after.startsWith(`${log}A person adds a word.\n[`), 'nothing that a person wrote is touched');
  await company.check();
});

test('without a shared folder nothing is written', async (t) => {
  const company = await Company.open(t);
  await company.ask('manager', 'echo:x');
  assert.equal(existsSync(join(company.dir, 'shared')), false);
  assert.equal(existsSync(join(company.dir, 'state/chronicle.json')), false);
});

test('a deadline that passes in the queue and a cancel are told to who asked', async (t) => {
  const receiver = await Receiver.open(t);
  const company = await open(t, { env: secretsOf({ team: receiver }), change: (config) => {
    deliverTo(receiver)(config);
    config.agents.webster.turns = 1;
  } });
  await company.post('webster', { message: 'forever', deliver: false });
  const late = await company.post('webster', { message: 'echo:late', timeoutSeconds: 2 });
  const gone = await company.post('webster', { message: 'echo:gone' });
  await company.api('POST', `/v1/tasks/${gone.json.runId}/cancel`, {});
  const told = await until('both are told', () => receiver.events.size === 2 && [...receiver.events.values()].map(({ data }) => data));
  assert.deepEqual(told.map(({ task, failure }) => [task, failure.class]).toSorted(), [[gone.json.runId, 'cancelled'], [late.json.runId, 'timeout']].toSorted());
  assert.deepEqual(Object.values(receiver.times), [1, 1]);
});

test('killed at each point around sending and writing: every event once, every line once', async (t) => {
  const receiver = await Receiver.open(t);
  const sites = ['courier.commit.before', 'courier.commit.after', 'courier.send.before', 'courier.send.after',
    'chronicle.cursor.before', 'chronicle.cursor.after', 'chronicle.append.before', 'chronicle.append.after'];
  const company = await open(t, { up: false, change: deliverTo(receiver) });
  const crashes = join(company.dir, 'crashes');
  mkdirSync(crashes);
  company.env = { ...secretsOf({ team: receiver }), HQ_CRASH_DIR: crashes, HQ_CRASH_AT: sites.map((site) => `hub/${site}#1`).join(',') };
  await company.up();
  const runs = [];
  const fired = () => readdirSync(crashes).filter((name) => name.startsWith('fired.'));
  await until('every point has killed', async () => {
    if (!company.pid('supervisor')) await company.up();
    const { status, json } = await company.post('webster', { message: `echo:run${runs.length}` }, { headers: { 'idempotency-key': `run ${runs.length}` } });
    if (status === 202) runs.push(json.runId);
    return fired().length === sites.length;
  });
  await until('all are confirmed', async () => {
    const tasks = await Promise.all(runs.map((id) => company.task(id)));
    return tasks.every(({ effects }) => effects?.length === 1 && effects[0].state === 'confirmed');
  });
  assert.equal(receiver.events.size, runs.length, 'each once where doubles are dropped');
  const lines = await until('all lines are there', () => {
    const all = read(company, 'project_log.md').trimEnd().split('\n');
    return all.length >= runs.length && all;
  });
  assert.deepEqual(lines.map((line) => /run\d+$/.exec(line)?.[0]).toSorted(), runs.map((_, i) => `run${i}`).toSorted(), 'each line once');
  await company.check();
});

test('work that a person gives to another agent is told once: how it ended there', async (t) => {
  const receiver = await Receiver.open(t);
  const company = await open(t, { env: secretsOf({ team: receiver }), change: deliverTo(receiver), script: [
    { when: { model: 'webster', user: 'move me' }, delay: '600s', say: 'never seen' },
    { when: { user: 'move me' }, say: 'moved and done' },
    ...rules,
  ] });
  const { json } = await company.post('webster', { message: 'move me' });
  await until('it is worked on', async () => (await company.task(json.runId)).task.state === 'working');
  const moved = await company.api('POST', `/v1/tasks/${json.runId}/reassign`, { agent: 'nx-expert', request: 'r1' });
  assert.equal(moved.status, 201, moved.text);
  await until('the old one has ended', async () => (await company.task(json.runId)).task.state === 'cancelled');
  await until('the new one is told', () => [...receiver.events.values()].some(({ data }) => data.text === 'moved and done'));
  const cancelled = await company.post('webster', { message: 'move me' });
  await until('it is worked on', async () => (await company.task(cancelled.json.runId)).task.state === 'working');
  await company.api('POST', `/v1/tasks/${cancelled.json.runId}/cancel`, {});
  await until('a cancel of running work is told', () => [...receiver.events.values()].some(({ data }) => data.task === cancelled.json.runId));
  assert.equal(receiver.events.size, 2, 'the end of the old task is no news');
});
