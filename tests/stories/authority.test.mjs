// Who may what, tried with real tokens against a running company: each attempt is refused with words
// that say why, changes nothing, and is remembered as an event.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Company, rules, until } from './company.mjs';

const agents = ['manager', 'tech-lead', 'auditor', 'optimizer', 'webster'];
const script = [
  { when: { user: '/hand:([a-z-]+)/', step: 0 }, say: 'I hand it on.',
    call: [{ tool: 'delegate', with: { agent: '{{1}}', instruction: 'echo:found' } }] },
  { when: { tool: ['delegate'] }, say: 'told: {{tool_result}}' },
  ...rules,
];

function open(t) {
  return Company.open(t, {
    agents, script,
    change(config) {
      config.agents.manager.delegates = ['*'];
      config.agents['tech-lead'].delegates = ['*', '!manager'];
      config.agents['tech-lead'].aliases = ['technical'];
      config.agents.optimizer.delegates = ['webster'];
      config.agents.webster.capabilities = ['research', 'literature'];
      for (const agent of Object.values(config.agents)) agent.tools = { allow: ['read', 'write', 'exec', 'delegate'] };
    },
  });
}

// A task that its agent works on until it is cancelled; nobody but the agent holds its fence.
async function working(company, agent) {
  const made = await company.api('POST', '/v1/tasks', { agent, instruction: 'forever', key: `w-${agent}` });
  assert.equal(made.status, 201, made.text);
  return until(`${agent} works`, async () => {
    const { task } = await company.task(made.json.task.id);
    return task.state === 'working' && task;
  });
}

async function remembered(company, stream, type, words) {
  const { json } = await company.api('GET', `/v1/events?stream=${stream}&limit=1000`);
  const found = json.items.find((event) => event.type === type && words.test(JSON.stringify(event.body)));
  assert.ok(found, `${type} with ${words} in ${stream}: ${JSON.stringify(json.items.map((item) => [item.type, item.body]))}`);
  return found;
}

function refused(answer, status, code, words) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.json.error.code, code, answer.text);
  assert.match(answer.json.error.message, words);
}

function finish(task, fence, result = 'forged') {
  return { request: `f-${Math.random()}`, ops: [{ op: 'finish', task: task.id, fence, handoff: { v: 1, status: 'complete', result } }] };
}

test('a result is written by nobody but the process that works on the task', async (t) => {
  const company = await open(t);
  const task = await working(company, 'manager');
  refused(await company.api('POST', '/v1/batch', finish(task, task.fence), company.token('auditor')), 403, 'not_allowed', /agent:auditor may not write for task/);
  refused(await company.api('POST', '/v1/batch', finish(task, task.fence), company.token('operator')), 403, 'not_allowed', /operator works for no agent/);
  refused(await company.api('POST', '/v1/batch', finish(task, task.fence), company.token('manager.hooks')), 403, 'not_allowed', /works for no agent/);
  refused(await company.api('POST', '/v1/batch', finish(task, task.fence - 1), company.token('manager')), 409, 'lost', /./);
  refused(await company.api('POST', '/v1/batch', finish(task, task.fence), 'made-up'), 401, 'unauthorized', /token/);
  refused(await company.api('POST', '/v1/claim', { agent: 'manager', nonce: 'x', max: 1 }, company.token('auditor')), 403, 'not_allowed', /may not work as agent manager/);
  const event = await remembered(company, 'system', 'access.refused', /agent:auditor may not write for task/);
  assert.equal(event.actor, 'agent:auditor');
  assert.equal(event.body.task, task.id);
  await remembered(company, 'system', 'access.refused', /"code":"lost"/);
  const now = await company.task(task.id);
  assert.equal(now.task.state, 'working');
  assert.equal(now.handoff, undefined);
  await company.check();
});

test('an agent asks whom it may, as a delegation from the task that it works on', async (t) => {
  const company = await open(t);
  const task = await working(company, 'optimizer');
  const token = company.token('optimizer');
  const ask = (fields, who = token) => company.api('POST', '/v1/tasks', { kind: 'delegation', parent: task.id, fence: task.fence, instruction: 'echo:found', key: 'k', ...fields }, who);
  refused(await ask({ agent: 'auditor' }), 403, 'not_allowed', /optimizer may not delegate to auditor \(only manager, tech-lead may\)\. Ask: hq ask manager/);
  const event = await remembered(company, task.id, 'delegation.refused', /only manager, tech-lead may/);
  assert.equal(event.actor, 'agent:optimizer');
  refused(await ask({ agent: 'webstr' }), 422, 'unknown_agent', /did you mean webster\?.*You may ask: webster/);
  refused(await ask({ capability: 'gardening' }), 422, 'no_candidate', /no agent has the capability "gardening"/);
  refused(await ask({ agent: 'webster', instruction: ' ' }), 422, 'bad_request', /instruction is empty/);
  refused(await ask({ agent: 'webster', budget: { micro_usd: -5 } }), 422, 'bad_request', /0 or more/);
  refused(await ask({ agent: 'webster', deadline_ms: -1 }), 422, 'bad_request', /future/);
  refused(await ask({ agent: 'webster', fence: task.fence + 1 }), 409, 'lost', /no longer current/);
  refused(await ask({ agent: 'webster' }, company.token('auditor')), 403, 'not_allowed', /auditor does not work on task/);
  refused(await ask({ agent: 'webster', parent: undefined }), 403, 'not_allowed', /delegations only/);
  refused(await ask({ agent: 'webster', kind: 'ask' }), 403, 'not_allowed', /may not submit a task of kind ask/);
  const made = await ask({ capability: 'literature' });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.json.task.agent, 'webster');
  assert.equal(made.json.task.parent, task.id);
  assert.equal(made.json.task.caller, 'agent:optimizer');
  await remembered(company, made.json.task.id, 'task.routed', /"chosen":"webster"/);
  const again = await ask({ capability: 'literature' });
  assert.deepEqual([again.status, again.json.task.id], [200, made.json.task.id]);
  const done = await company.ended(made.json.task.id, token);
  assert.equal(done.handoff.result, 'echo found');
  await company.check();
});

test('a model that asks whom it may not is told who may', async (t) => {
  const company = await open(t);
  const { task } = await company.ask('auditor', 'hand:optimizer');
  const full = await company.task(task.id);
  assert.match(full.handoff.result, /auditor may not delegate to optimizer \(only manager, tech-lead may\)/);
  await remembered(company, task.id, 'delegation.refused', /not_allowed/);
  const good = await company.ask('manager', 'hand:technical');
  assert.match((await company.task(good.task.id)).handoff.result, /echo found/);
  const { json } = await company.api('GET', `/v1/tasks/${good.task.id}/tree`);
  assert.deepEqual(json.items.map((item) => item.task.agent), ['manager', 'tech-lead']);
  await company.check();
});

test('an agent looks at and cancels its own work only', async (t) => {
  const company = await open(t);
  const task = await working(company, 'webster');
  const auditor = company.token('auditor');
  refused(await company.api('GET', `/v1/tasks/${task.id}`, undefined, auditor), 404, 'unknown_task', /there is no task/);
  refused(await company.api('POST', `/v1/tasks/${task.id}/cancel`, {}, auditor), 404, 'unknown_task', /there is no task/);
  await remembered(company, 'system', 'access.refused', /agent:auditor may not see task/);
  refused(await company.api('POST', `/v1/tasks/${task.id}/cancel`, {}, company.token('webster')), 403, 'not_allowed', /it was made by operator/);
  refused(await company.api('GET', '/v1/sessions?agent=webster', undefined, auditor), 403, 'not_allowed', /forbidden: auditor may not see the sessions of webster.*agents\.auditor\.delegates/);
  refused(await company.api('GET', '/v1/sessions/webster/history?session=main', undefined, auditor), 403, 'not_allowed', /forbidden/);
  assert.equal((await company.api('GET', '/v1/sessions?agent=webster', undefined, company.token('optimizer'))).status, 200);
  for (const path of ['/v1/events?stream=system', '/v1/status', '/v1/usage'])
    assert.equal((await company.api('GET', path, undefined, auditor)).status, 403, path);
  for (const path of ['retry', 'reassign', 'note'])
    refused(await company.api('POST', `/v1/tasks/${task.id}/${path}`, { text: 'x', agent: 'auditor' }, company.token('webster')), 403, 'not_allowed', /only a person/);
  assert.equal((await company.task(task.id)).task.state, 'working');
  await company.check();
});
