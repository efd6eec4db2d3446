// hq pause and hq resume: of one agent, of a task with all below it, of a run, of the company; what the
// commands say; and two hundred tasks under pauses, panics and deaths.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Company, rules, until } from './company.mjs';
import { lookRun, startRun, untilRunEnds, writeFlow } from './flows.mjs';
import { Provider } from './provider.mjs';
import { Receiver, deliverTo, secretsOf } from './receiver.mjs';

const quiet = (ms = 1500) => new Promise((done) => setTimeout(done, ms));

async function ended(company, id, ms) {
  return until(`${id} ended`, async () => {
    const { json } = await company.api('GET', `/v1/tasks/${id}?wait_ms=5000`);
    return json.handoff && json;
  }, ms);
}

test('one agent stands still, the others do not notice; the commands say so', async (t) => {
  const company = await Company.open(t, { agents: 2, env: { LC_ALL: 'C.UTF-8' } });
  const running = await company.post('manager', { message: 'pause1s:first' });
  await until('it runs', async () => (await company.task(running.json.runId)).task.state === 'working');
  const paused = await company.hq('pause', 'manager', '--reason', 'wrong branch');
  assert.equal(paused.code, 0, paused.stderr);
  assert.match(paused.stdout, /^manager is paused: what runs comes to its end, nothing more begins\. Go on: hq .*resume manager\n/);
  assert.equal((await ended(company, running.json.runId)).handoff.result, 'paused first', 'what ran came to its end');

  const asked = await company.hq('ask', 'manager', 'echo:later', '--json');
  assert.equal(asked.code, 6, 'it waits for a human');
  assert.equal(asked.json.task.paused.id, 'agent:manager');
  assert.match(asked.stderr, /manager is paused by operator since .* \(wrong branch\): t-\w+ is taken in and begins after hq .*resume manager/);
  assert.equal((await company.ask('tech-lead', 'echo:meanwhile')).task.result.result, 'echo meanwhile');
  await quiet();
  assert.equal((await company.task(asked.json.task.id)).task.state, 'queued');

  const status = await company.hq('status');
  assert.match(status.stdout, /‖ manager paused by operator since .*→ hq resume manager\n/);
  assert.ok(status.stdout.split('\n').every((line) => [...line].length <= 80), status.stdout);
  assert.equal((await company.hq('status', '--json')).json.paused[0].reason, 'wrong branch');
  assert.match((await company.hq('task', 'show', asked.json.task.id)).stdout, /\npaused +manager, by operator since .*: hq resume manager\n/);
  assert.match((await company.hq('task', 'tree', asked.json.task.id)).stdout, /held back by the pause of manager/);

  const again = await company.hq('pause', 'manager');
  assert.equal(again.code, 0);
  assert.match(again.stdout, /^manager is paused already, by operator since .*\(wrong branch\)/);
  const resumed = await company.hq('resume', 'manager');
  assert.equal(resumed.code, 0);
  assert.match(resumed.stdout, /^manager goes on: 0 turns of before go on, 1 task is in the queue\n/);
  assert.equal((await ended(company, asked.json.task.id)).handoff.result, 'echo later');
  const nothing = await company.hq('resume', 'manager');
  assert.deepEqual([nothing.code, nothing.stdout], [0, 'manager is not paused\n']);
  assert.equal((await company.hq('pause', 'nobody')).code, 2);
  await company.check();
});

test('a wider resume frees nothing that a narrower pause holds', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  await company.hq('pause', '--reason', 'lunch');
  await company.hq('pause', 'manager');
  const one = await company.post('manager', { message: 'echo:one' });
  const two = await company.post('tech-lead', { message: 'echo:two' });
  assert.match((await company.hq('status')).stdout, /^PAUSED by operator since .*: lunch/);
  const held = await company.hq('resume', 'manager');
  assert.equal(held.code, 1, 'it still stands still');
  assert.match(held.stdout, /manager is still held back by the pause of story: hq .*resume\n/);
  await company.hq('pause', 'manager');
  const resumed = await company.hq('resume');
  assert.equal(resumed.code, 0);
  assert.match(resumed.stderr, /still paused: manager, by operator/);
  assert.equal((await ended(company, two.json.runId)).handoff.result, 'echo two');
  await quiet();
  assert.equal((await company.task(one.json.runId)).task.state, 'queued');
  await company.hq('resume', 'manager');
  assert.equal((await ended(company, one.json.runId)).handoff.result, 'echo one');
});

test('agents cannot pause; another person can', async (t) => {
  const company = await Company.open(t, { change: (config) => { config.people = { ann: { name: 'Ann' } }; } });
  assert.equal((await company.api('POST', '/v1/pause', {}, company.token('manager'))).status, 403);
  assert.equal((await company.api('POST', '/v1/pause', {}, company.token('manager.hooks'))).status, 403);
  assert.equal((await company.api('POST', '/v1/pause', { agent: 'manager', panic: true })).status, 422);
  const { status, json } = await company.api('POST', '/v1/pause', { agent: 'manager' }, company.token('person.ann'));
  assert.deepEqual([status, json.paused.by], [200, 'person:ann']);
});

const delegating = [
  { when: { model: 'manager', user: '/tree:([a-z]+)/', step: 0 }, say: 'I ask.', call: [{ tool: 'delegate', with: { agent: 'tech-lead', instruction: 'steps:{{1}}' } }] },
  { when: { model: 'manager', user: '/tree:([a-z]+)/', step: 1 }, say: 'tree {{1}}: {{tool_result}}' },
  ...[0, 1, 2, 3].map((step) => ({ when: { model: 'tech-lead', user: '/steps:([a-z]+)/', step }, delay: '800ms', say: 'On it.',
    call: [{ tool: 'exec', with: { command: `echo {{1}} ${step} >> steps.txt` } }] })),
  { when: { model: 'tech-lead', user: '/steps:([a-z]+)/' }, say: 'stepped {{1}}' },
  ...rules,
];

test('a task stands still with all below it and goes on behind its last record', async (t) => {
  const company = await Company.open(t, { agents: 2, script: delegating, agent: { delegates: ['*'], tools: { allow: ['exec', 'delegate'] } } });
  const held = (await company.post('manager', { message: 'tree:held' })).json.runId;
  const child = await until('it is delegated', async () => {
    const { json } = await company.api('GET', `/v1/tasks/${held}/tree`);
    return json.items.find((item) => item.task.agent === 'tech-lead' && item.task.state === 'working');
  });
  assert.equal((await company.hq('pause', held.slice(0, 10))).code, 0);
  await until('the turn is parked', async () => (await company.task(child.task.id)).waits?.some((wait) => wait.kind === 'pause' && wait.id === `task:${held}`));
  const { json } = await company.api('GET', `/v1/tasks/${held}/tree`);
  assert.ok(json.items.every((item) => item.paused.id === `task:${held}`));
  const free = (await company.post('manager', { message: 'tree:free' })).json.runId;
  assert.match((await ended(company, free)).handoff.result, /stepped free/);
  assert.match((await company.hq('status')).stdout, /task t-\w+ paused by operator/);
  await company.killAll();
  await company.up();
  await quiet();
  assert.equal((await company.task(child.task.id)).task.state, 'waiting');
  assert.equal((await company.hq('resume', held.slice(0, 10))).code, 0);
  assert.match((await ended(company, held)).handoff.result, /stepped held/);
  const { calls, task } = await company.task(child.task.id);
  assert.equal(calls.filter((call) => call.kind === 'tool' && call.state === 'recorded').length, 4, 'each command ran once');
  assert.deepEqual([task.tries, task.deaths ?? 0], [0, 0]);
  assert.deepEqual((await company.api('GET', '/v1/status')).json.paused, []);
  await company.check();
});

test('a paused company delivers nothing and decides no step of a run', async (t) => {
  const receiver = await Receiver.open(t);
  const provider = await Provider.open(t, () => ({ say: 'done' }), 2000);
  const company = await Company.open(t, { agents: 2, env: { ...secretsOf({ team: receiver }), ...Provider.env },
    change: (config) => (deliverTo(receiver)(config), provider.serve(config, 'manager')) });
  writeFlow(company, 'two', { steps: { a: { agent: 'manager', task: 'a' }, b: { needs: ['a'], agent: 'tech-lead', task: 'echo:b' } } });
  const first = await startRun(company, 'two');
  const hook = (await company.post('manager', { message: 'deliver' })).json.runId;
  await until('both ask the model', () => provider.requests.length === 2); // before that a pause would hold them, too
  await company.hq('pause');
  await ended(company, hook);
  const second = await startRun(company, 'two');
  await quiet();
  assert.equal(receiver.requests.length, 0, 'nothing is delivered');
  assert.equal((await lookRun(company, second)).steps.a.state, 'pending', 'nothing is decided');
  assert.notEqual((await lookRun(company, first)).steps.b.state, 'done');
  assert.match((await company.hq('flow', 'show', first)).stdout, /\npaused by operator since .*; go on: hq resume\n/);
  await company.hq('resume');
  assert.equal((await untilRunEnds(company, first)).state, 'done');
  assert.equal((await untilRunEnds(company, second)).state, 'done');
  await until('the delivery has arrived', () => receiver.messages.length + receiver.events.size > 0);
  await company.hq('pause', second).then(({ code }) => assert.equal(code, 1, 'it has ended'));
  await company.check();
});

test('two hundred tasks under pauses, panics and deaths: none is lost', async (t) => {
  const company = await Company.open(t, { agents: 4, agent: { turns: 4 } });
  const names = ['manager', 'tech-lead', 'secretary', 'auditor'];
  const ids = [];
  for (let i = 0; i < 200; i++) ids.push((await company.post(names[i % 4], { message: `work:c${i}` })).json.runId);
  let seed = Number(process.env.HQ_SEED ?? 7);
  const roll = (sides) => (seed = (seed * 1103515245 + 12345) % 2147483648) % sides;
  const acts = [
    () => company.hq('pause', names[roll(4)]),
    () => company.hq('pause', ids[roll(200)]),
    () => company.hq('resume', names[roll(4)]),
    () => company.hq('panic').then(({ code, stdout, stderr }) => assert.equal(code, 0, stdout + stderr)),
    () => company.hq('resume'),
    () => company.pid('hub') && company.kill('hub'),
    () => company.pid('gateway-manager') && company.kill('gateway-manager'),
  ];
  for (let round = 0; round < Number(process.env.HQ_ROUNDS ?? 14); round++) {
    await acts[roll(acts.length)]();
    await quiet(100 + roll(300));
  }
  await until('everything is resumed', async () => {
    await company.hq('resume');
    const { json } = await company.api('GET', '/v1/status');
    for (const { id } of json.paused) await company.api('POST', '/v1/resume', id.startsWith('task:') ? { task: id.slice(5) } : id === 'company' ? {} : { agent: id.slice(6) });
    return json.paused.length === 0;
  });
  for (const [i, id] of ids.entries()) {
    const { task, handoff } = await ended(company, id);
    assert.equal(task.state, 'done', JSON.stringify(task));
    assert.match(handoff.result, new RegExp(`^finished c${i}:`));
    assert.equal(task.tries, 0);
  }
  await company.check();
});
