// Storms and loops: each stops at its limit, with a reason that the model can read and pass on.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Company, until } from './company.mjs';

const everyone = ['manager', 'tech-lead', 'webster'];
const delegate = (agent, instruction, more = {}) => ({ tool: 'delegate', with: { agent, instruction, ...more } });

function open(t, script, { limits, agents = everyone, change } = {}) {
  return Company.open(t, { agents, script: [...script, { say: 'heard: {{user}}' }], change: (config) => {
    if (limits) config.limits = limits;
    for (const agent of Object.values(config.agents)) {
      agent.delegates = ['*'];
      agent.tools = { allow: ['delegate', 'sessions_spawn'] };
    }
    change?.(config);
  } });
}

const tree = async (company, id) => (await company.api('GET', `/v1/tasks/${id}/tree`)).json.items;

async function events(company, stream) {
  const all = [];
  for (;;) {
    const { items } = (await company.api('GET', `/v1/events?stream=${stream}&from=${(all.at(-1)?.seq ?? 0) + 1}&limit=1000`)).json;
    if (!items.length) return all;
    all.push(...items);
  }
}

const refusals = async (company, id) => (await events(company, id)).filter((event) => event.type === 'delegation.refused').map((event) => event.body);

test('a triangle ends where it would close, and the reason travels back up', async (t) => {
  const company = await open(t, [
    { when: { model: 'manager', user: 'round', step: 0 }, call: [delegate('tech-lead', 'round two')] },
    { when: { model: 'tech-lead', user: 'round two', step: 0 }, call: [delegate('webster', 'round three')] },
    { when: { model: 'webster', user: 'round three', step: 0 }, call: [delegate('manager', 'round four')] },
    { when: { tool: 'delegate' }, say: 'I was told: {{tool_result}}' },
  ]);
  const { task } = await company.ask('manager', 'round one');
  assert.equal(task.state, 'done');
  assert.match(task.result.result, /manager > tech-lead > webster/);
  assert.match(task.result.result, /circle/);
  const items = await tree(company, task.id);
  assert.equal(items.length, 3);
  const [refused] = await refusals(company, items[2].task.id);
  assert.equal(refused.class, 'loop');
  assert.equal(refused.to, 'manager');
  await company.check();
});

test('ping-pong is refused at the first return, unless an edge allows it', async (t) => {
  const script = [
    { when: { model: 'manager', user: '/ping (x+)/', step: 0 }, call: [delegate('webster', 'pong {{1}}')] },
    { when: { model: 'webster', user: '/pong (x+)/', step: 0 }, call: [delegate('manager', 'ping {{1}}x')] },
    { when: { tool: 'delegate' }, say: 'I was told: {{tool_result}}' },
  ];
  const company = await open(t, script);
  const { task } = await company.ask('manager', 'ping x');
  assert.equal((await tree(company, task.id)).length, 2);
  const allowed = await open(t, script, { change: (config) => {
    config.agents.manager.revisits = ['webster'];
    config.agents.webster.revisits = ['manager'];
  } });
  const again = await allowed.ask('manager', 'ping x');
  assert.equal(again.task.state, 'done');
  const items = await tree(allowed, again.task.id);
  assert.equal(items.length, 5, 'depth 4 is the end');
  assert.equal((await refusals(allowed, items.at(-1).task.id))[0].code, 'limits');
});

test('an agent that calls itself stops at the depth', async (t) => {
  const company = await open(t, [
    { when: { user: '/deeper (x+)/', step: 0 }, call: [{ tool: 'sessions_spawn', with: { task: 'deeper {{1}}x' } }] },
    { when: { tool: 'sessions_spawn' }, say: 'I was told: {{tool_result}}' },
  ]);
  const { task } = await company.ask('manager', 'deeper x');
  await until('all ended', async () => (await tree(company, task.id)).every((item) => item.task.state === 'done'));
  const items = await tree(company, task.id);
  assert.equal(items.length, 5);
  assert.equal((await refusals(company, items.at(-1).task.id))[0].code, 'limits');
  await company.check();
});

test('the same question is asked once', async (t) => {
  const company = await open(t, [
    { when: { user: 'insist', step: 0 }, call: [delegate('webster', 'the weather')] },
    { when: { user: 'insist', step: 1 }, call: [delegate('webster', 'the weather')] },
    { when: { user: 'insist', step: 2 }, say: 'I was told: {{tool_result}}' },
  ]);
  const { task } = await company.ask('manager', 'insist');
  assert.match(task.result.result, /t-/, 'it says where the first answer is');
  assert.equal((await tree(company, task.id)).length, 2);
  assert.equal((await refusals(company, task.id))[0].code, 'same_question');
});

test('a thousand-way fan-out is cut at the limits; what was let in is answered', async (t) => {
  const calls = (step) => Array.from({ length: 64 }, (_, i) => delegate(i % 2 ? 'webster' : 'tech-lead', `part ${step}.${i}`));
  const storm = Array.from({ length: 16 }, (_, step) => ({ when: { model: 'manager', user: 'storm', step }, call: calls(step) }));
  const company = await open(t, [...storm, { when: { model: 'manager', user: 'storm' }, say: 'the last word was: {{tool_result}}' }],
    { limits: { depth: 4, tasks: 40, live: 16, fan_out: 30, wall: '5m' } });
  const { task } = (await company.hq('ask', 'manager', 'storm', '--no-wait', '--json')).json;
  await until('the storm is over', async () => (await company.api('GET', `/v1/tasks/${task.id}?wait_ms=5000`)).json.task.state === 'done');
  const items = await tree(company, task.id);
  assert.ok(items.length <= 31, `${items.length} tasks`);
  assert.ok(items.every((item) => item.task.state === 'done'));
  const refused = await refusals(company, task.id);
  assert.ok(refused.length > 900, `${refused.length} refusals`);
  assert.ok(refused.some(({ message }) => /30/.test(message)), 'a reason with the limit in it');
  await company.check();
});
