// Money, places and failures: what is spent never passes a limit, not for a moment; a provider is
// asked no more than it bears; who fails again and again is left alone for a while.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Company, until } from './company.mjs';

const everyone = ['manager', 'webster', 'nx-expert'];
const delegate = (agent, instruction) => ({ tool: 'delegate', with: { agent, instruction } });
const MOST = 12;

// Manager asks two others at once, again and again; each of them reads and answers.
const spending = [
  ...Array.from({ length: MOST }, (_, step) => ({ when: { model: 'manager', user: '/spend:([A-Za-z0-9]+)/', step }, say: 'More.',
    call: [delegate('webster', `part ${step} of {{1}}`), delegate('nx-expert', `part ${step} of {{1}}`)] })),
  { when: { model: 'manager', user: 'spend' }, say: 'All is spent well.' },
  { when: { user: 'part' }, delay: '100ms', say: 'A part.' },
  { say: 'heard: {{user}}' },
];

function open(t, change, script = spending) {
  return Company.open(t, { agents: everyone, script, change: (config) => {
    config.models.demo.price = { in: 10, out: 30 };
    config.models.demo.max_tokens = 200;
    config.limits = { tasks: 1000, fan_out: 100, live: 100 };
    for (const agent of Object.values(config.agents)) {
      agent.delegates = ['*'];
      agent.tools = { allow: ['delegate'] };
    }
    change(config);
  } });
}

async function events(company, stream) {
  const all = [];
  for (;;) {
    const { items } = (await company.api('GET', `/v1/events?stream=${stream}&from=${(all.at(-1)?.seq ?? 0) + 1}&limit=1000`)).json;
    if (!items.length) return all;
    all.push(...items);
  }
}

async function allEvents(company) {
  const { items } = (await company.api('GET', '/v1/tasks?limit=1000')).json;
  return (await Promise.all(items.map((task) => events(company, task.id)))).flat();
}

// From the events alone: how each budget stood at every moment, and where it ended.
function books(all) {
  const rows = {};
  for (const { type, body, stream } of all.filter((event) => event.type.startsWith('budget.') && event.body.levels)) {
    for (const { budget, limit, spent, reserved } of body.levels) {
      const unit = budget.endsWith('/usd') ? 'micro_usd' : 'tokens';
      const row = (rows[budget] ??= { limit, spent: 0, reserved: 0, highest: 0 });
      assert.ok(limit < 0 || spent + reserved <= limit, `${type} of ${stream}: ${JSON.stringify(body)}`);
      row.highest = Math.max(row.highest, spent + reserved);
      row.spent += body.spent?.[unit] ?? 0;
      row.reserved += (type === 'budget.reserved' ? 1 : -1) * (body.reserved?.[unit] ?? 0);
    }
    assert.ok(!body.exceeds_reserved, `counted too low: ${JSON.stringify(body)}`);
  }
  return rows;
}

async function checkBooks(company) {
  const rows = books(await allEvents(company));
  for (const [budget, row] of Object.entries(rows)) assert.equal(row.reserved, 0, `${budget}: ${JSON.stringify(row)}`);
  await company.check();
  return rows;
}

const usd = (text) => Math.round(Number(text) * 1e6);

test('a request ends where its money does, and says so', async (t) => {
  const company = await open(t, (config) => { config.limits.usd = 0.3; });
  const { task, code } = await company.ask('manager', 'spend:A');
  assert.notEqual(code, 0);
  assert.equal(task.state, 'failed', JSON.stringify(task));
  assert.equal(task.failure.class, 'budget');
  assert.match(task.failure.message, /The budget of request t-.* is used up: limit \$0\.3000, spent \$0\.\d+.*; this model call may need \$0\.\d+/);
  const rows = await checkBooks(company);
  const row = rows[`${task.id}/usd`];
  assert.equal(row.limit, usd(0.3));
  assert.ok(row.spent > usd(0.1) && row.highest <= usd(0.3), JSON.stringify(row));
  const { root } = (await company.api('GET', `/v1/tasks/${task.id}/tree`)).json;
  assert.equal(root.cost_micro_usd, row.spent, 'every call is in the sum of its tree');
  const tokens = await open(t, (config) => { config.limits.tokens = 15000; });
  const other = await tokens.ask('manager', 'spend:B');
  assert.equal(other.task.failure.class, 'budget');
  assert.match(other.task.failure.message, /limit 15000 tokens/);
  await checkBooks(tokens);
});

test('the company spends no more than its budget, whoever dies meanwhile', async (t) => {
  const company = await open(t, (config) => { config.budget = { usd: 2, per: 'day' }; });
  const tags = ['A', 'B', 'C', 'D', 'E', 'F'];
  const asked = await Promise.all(tags.map((tag) => company.api('POST', '/v1/tasks', { agent: 'manager', instruction: `spend:${tag}`, kind: 'ask', key: tag })));
  const ids = asked.map((answer) => answer.json.task.id);
  for (const [victim, at] of [['hub', 0.2], ['gateway-webster', 0.6], ['hub', 1]]) {
    await until('more is spent', async () => (await company.api('GET', '/v1/status')).json.budget.usd.spent >= usd(at));
    const pid = company.pid(victim);
    company.kill(victim);
    await company.reborn(victim, pid);
  }
  await until('all have ended', async () => {
    const { items } = (await company.api('GET', '/v1/tasks?limit=1000')).json;
    return items.every((task) => task.finished_at);
  });
  const ended = await Promise.all(ids.map((id) => company.task(id)));
  for (const { task } of ended) assert.equal(task.failure_class, 'budget', JSON.stringify(task));
  assert.match(ended[0].task.failure_message, /company's budget \(company:\d{4}-\d\d-\d\d\) is used up: limit \$2\.0000/);
  const rows = await checkBooks(company);
  const [, row] = Object.entries(rows).find(([budget]) => /^company:.*\/usd$/.test(budget));
  assert.ok(row.highest <= usd(2) && row.spent > usd(1.5), JSON.stringify(row));
  const status = (await company.hq('status', '--json')).json;
  assert.equal(status.budget.usd.spent, row.spent);
  assert.equal(status.budget.usd.reserved, 0);
});

test('a provider is asked by so many at once, and the others stand in line', async (t) => {
  const company = await open(t, (config) => { config.models.demo.concurrent = 2; }, [{ delay: '300ms', say: 'slowly: {{user}}' }]);
  const asked = everyone.flatMap((agent) => ['1', '2', '3', '4'].map((tag) => company.api('POST', '/v1/tasks', { agent, kind: 'ask', key: agent + tag, instruction: `question ${tag}` })));
  const ids = (await Promise.all(asked)).map(({ json }) => json.task.id);
  for (const { task } of await Promise.all(ids.map((id) => company.ended(id)))) assert.equal(task.state, 'done', JSON.stringify(task));
  const all = await allEvents(company);
  const steps = all.filter((event) => ['call.intended', 'call.recorded'].includes(event.type) && event.body.kind === 'model')
    .map((event) => [Date.parse(event.at), event.type === 'call.intended' ? 1 : -1]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let now = 0, most = 0;
  for (const [, by] of steps) most = Math.max(most, (now += by));
  assert.equal(most, 2);
  assert.equal(steps.length, 24);
  assert.ok(all.some((event) => event.type === 'call.deferred' && event.body.provider === 'demo'), 'somebody stood in line');
  await company.check();
});

test('who fails again and again is left alone, until it succeeds', async (t) => {
  const company = await open(t, (config) => { config.agents.webster.tools = { allow: ['report'] }; }, [
    { when: { model: 'webster', user: 'badly', step: 0 }, say: 'No.', call: [{ tool: 'report', with: { status: 'failed', notes: 'I cannot.' } }] },
    { when: { model: 'manager', user: 'hand on', step: 0 }, say: 'You do it.', call: [delegate('webster', 'well')] },
    { when: { tool: 'delegate' }, say: 'I was told: {{tool_result}}' },
    { say: 'heard: {{user}}' },
  ]);
  for (let i = 0; i < 5; i++) {
    const { task } = await company.ask('webster', `badly ${i}`);
    assert.equal(task.failure?.class, 'failed', JSON.stringify(task));
  }
  const { task } = await company.ask('manager', 'hand on');
  assert.equal(task.state, 'done');
  const [refused] = (await events(company, task.id)).filter((event) => event.type === 'delegation.refused');
  assert.equal(refused?.body.code, 'breaker', JSON.stringify(await company.task(task.id)));
  assert.match((await company.hq('status')).stdout, /webster/);
  const told = (await events(company, 'system')).filter((event) => event.type.startsWith('agent.breaker'));
  assert.deepEqual(told.map((event) => [event.type, event.body.agent]), [['agent.breaker_opened', 'webster']]);
  assert.equal((await company.ask('webster', 'well')).task.state, 'done', 'people still reach it');
  const again = await company.ask('manager', 'hand on again');
  assert.match((await company.task(again.task.id)).handoff.result, /heard: .*well/);
  assert.equal((await events(company, 'system')).at(-1).type, 'agent.breaker_closed');
  await company.check();
});

test('a model without a price is not asked where dollars are limited', async (t) => {
  const company = await open(t, (config) => {
    config.models.gift = { api: 'script', file: 'script.yaml' };
    config.budget = { usd: 2, per: 'day' };
  });
  const { json } = await company.api('POST', '/v1/tasks', { agent: 'webster', kind: 'ask', key: 'gift', instruction: 'hello', model: 'gift/webster' });
  const { task } = await company.ended(json.task.id);
  assert.equal(task.failure_class, 'budget');
  assert.match(task.failure_message, /limit in dollars, \$2\.0000, and this model has no price/);
  await checkBooks(company);
});
