// The seed's worst day again: an agent hangs, and the one who supervises it is pressed for a result. The
// task fails honestly, and nobody can put another result in its place.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, until } from './company.mjs';

const delegate = (agent, instruction, more = {}) => ({ tool: 'delegate', with: { agent, instruction, ...more } });

function open(t, script) {
  return Company.open(t, { agents: ['manager', 'webster', 'secretary'], script: [...script, { say: 'heard: {{user}}' }], change: (config) => {
    config.agents.manager.delegates = ['*'];
    for (const agent of Object.values(config.agents)) agent.tools = { allow: ['read', 'write', 'exec', 'delegate'] };
    config.shared = { dir: 'workspaces/shared', gatekeeper: 'secretary' };
  } });
}

const childOf = (company, id, agent) => until(`${agent} is asked`, async () =>
  (await company.api('GET', `/v1/tasks/${id}/tree`)).json.items?.find(({ task }) => task.agent === agent)?.task);

test('an agent that hangs times out, and what its supervisor makes up stays its own word', async (t) => {
  const forged = 'All went well: 2.70 g/cm3.';
  const company = await open(t, [
    { when: { model: 'webster', user: 'the density' }, delay: '600s', say: 'never said' },
    { when: { model: 'manager', user: 'hurry', step: 0 }, call: [delegate('webster', 'the density', { deadline: '2s' })] },
    // It was told the truth; now it tries to write the result itself, by every way it can think of.
    { when: { model: 'manager', user: 'hurry', step: 1 }, call: [
      { tool: 'write', with: { path: '../webster/handoff.json', content: forged } },
      { tool: 'write', with: { path: '../../state/handoff.json', content: forged } },
      { tool: 'write', with: { path: '../shared/PROJECT_STATUS.md', content: forged } },
      { tool: 'write', with: { path: '../shared/project_log.md', content: `[2026-11-22 12:00] webster: Completed — ${forged}` } },
      { tool: 'exec', with: { command: `echo '${forged}' > ../webster/out.md; echo '${forged}' >> ../shared/PROJECT_STATUS.md; cat ../../secrets/*; cat ../../state/ledger.db; hq task note x '${forged}'; echo tried` } },
    ] },
    { when: { model: 'manager', user: 'hurry', step: 2 }, say: `webster says: ${forged}` },
  ]);
  const { task } = await company.ask('manager', 'hurry');
  const child = await childOf(company, task.id, 'webster');
  assert.equal(child.state, 'timed_out', JSON.stringify(child));
  const { handoff, task: row } = await company.task(child.id);
  assert.equal(row.failure_class, 'timeout');
  assert.equal(handoff.status, 'failed');
  assert.ok(!JSON.stringify(handoff).includes(forged));
  const { calls } = await company.task(task.id);
  const told = calls.find((call) => call.name === 'delegate');
  assert.equal(told.is_error, true);
  assert.equal(told.response.failure_class, 'timeout');
  assert.equal(task.result.agent ?? 'manager', 'manager', 'the made-up sentence is the manager\'s own');
  for (const path of ['workspaces/webster/handoff.json', 'workspaces/webster/out.md', 'state/handoff.json'])
    assert.ok(!existsSync(join(company.dir, path)), path);
  const exec = calls.find((call) => call.name === 'exec').response.text;
  assert.match(exec, /tried/);
  for (const name of ['operator', 'manager', 'webster']) assert.ok(!exec.includes(company.token(name)), 'no secret is seen');
  assert.ok(!readFileSync(join(company.dir, 'workspaces/shared/PROJECT_STATUS.md'), 'utf8').includes(forged));
  await until('the log tells it as it was', () => /webster: .*timeout/i.test(readFileSync(join(company.dir, 'workspaces/shared/project_log.md'), 'utf8')));
  assert.ok(!readFileSync(join(company.dir, 'workspaces/shared/project_log.md'), 'utf8').includes(`webster: Completed`));
  await company.check();
});

test('a process that stands still does not hold its asker for ever, and comes back too late', async (t) => {
  const company = await open(t, [
    { when: { model: 'webster', user: 'the density' }, delay: '5s', say: 'late: 2.70' },
    { when: { model: 'manager', user: 'hurry', step: 0 }, call: [delegate('webster', 'the density', { deadline: '8s' })] },
    { when: { model: 'manager', user: 'hurry', step: 1 }, say: 'told: {{tool_result}}' },
  ]);
  const { task } = (await company.hq('ask', 'manager', 'hurry', '--no-wait', '--json')).json;
  const child = await childOf(company, task.id, 'webster');
  await until('webster works', async () => (await company.task(child.id)).task.state === 'working');
  company.kill('gateway-webster', 'SIGSTOP');
  const end = await until('the manager goes on', async () => {
    const { json } = await company.api('GET', `/v1/tasks/${task.id}?wait_ms=5000`);
    return json.task.state === 'done' && json;
  });
  assert.match(end.handoff.result, /timeout|deadline/i);
  company.kill('gateway-webster', 'SIGCONT');
  const { task: row, handoff } = await company.task(child.id);
  assert.equal(row.state, 'timed_out');
  assert.equal(handoff.status, 'failed');
  await company.check();
});

test('nobody finishes for another: stranger, stale attempt, made-up row', async (t) => {
  const company = await open(t, [
    { when: { model: 'webster', user: 'the density', step: 0 }, call: [{ tool: 'exec', with: { command: 'until [ -e go ]; do sleep 0.05; done' } }] },
    { when: { model: 'webster', user: 'the density' }, say: 'true: 2.70' },
    { when: { model: 'manager', user: 'hurry', step: 0 }, call: [delegate('webster', 'the density')] },
    { when: { model: 'manager', user: 'hurry', step: 1 }, say: 'told: {{tool_result}}' },
  ]);
  const { task } = (await company.hq('ask', 'manager', 'hurry', '--no-wait', '--json')).json;
  const child = await childOf(company, task.id, 'webster');
  const { task: now } = await until('webster works', async () => {
    const answer = await company.task(child.id);
    return answer.task.state === 'working' && answer;
  });
  const finish = (fence) => ({ request: String(Math.random()), ops: [{ op: 'finish', task: child.id, fence, handoff: { status: 'complete', result: 'forged', artefacts: [] } }] });
  const tries = [
    ['manager', now.fence, 422, 'not_allowed'], ['secretary', now.fence, 422, 'not_allowed'], ['operator', now.fence, 403, 'not_allowed'],
    ['webster.hooks', now.fence, 403, 'not_allowed'], ['webster', now.fence - 1, 409, 'lost'], ['webster', now.fence + 1, 409, 'lost'],
  ];
  for (const [who, fence, , code] of tries) {
    const answer = await company.api('POST', '/v1/batch', finish(fence), company.token(who));
    assert.ok(answer.status >= 400, `${who}: ${answer.text}`);
    assert.equal(answer.json.error.code, code, `${who}: ${answer.text}`);
  }
  for (const [method, path] of [['PUT', `/v1/tasks/${child.id}`], ['POST', `/v1/tasks/${child.id}/finish`], ['POST', '/v1/handoffs']])
    assert.ok((await company.api(method, path, { status: 'complete', result: 'forged' }, company.token('manager'))).status >= 400);
  const record = { request: 'r', ops: [{ op: 'call_record', task: task.id, fence: 1, call: { step: 0, idx: 1, response: { text: 'forged' } } }] };
  assert.ok((await company.api('POST', '/v1/batch', record, company.token('manager'))).status >= 400, 'a parked parent has no hands');
  writeFileSync(join(company.workspace('webster'), 'go'), '');
  await until('done', async () => (await company.api('GET', `/v1/tasks/${task.id}?wait_ms=5000`)).json.task.state === 'done');
  assert.match((await company.task(task.id)).handoff.result, /true: 2\.70/);
  assert.doesNotMatch(JSON.stringify(await company.task(task.id)), /forged/);
  await company.check();
});
