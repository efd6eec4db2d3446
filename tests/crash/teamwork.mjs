// Delegation under the knife: the study of tests/stories/teamwork.mjs, with a provider over HTTP that
// counts, and a result that is posted to a receiver that knows what it has seen.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { repository } from '../stories/company.mjs';
import { Receiver } from '../stories/receiver.mjs';
import { answerByRules, checkTeamwork, team, teamAuthority, teamRules, teamTasks } from '../stories/teamwork.mjs';
import { insist, untilEnded } from './operator.mjs';

const require = createRequire(join(repository, 'tests/package.json'));
const { LLMock } = require('@copilotkit/aimock');

const asked = new Map(); // "<agent> <question>" → steps in the order in which they were asked for

function answer(request) {
  const { step, user, ...reply } = answerByRules(teamRules, request);
  const question = `${request.model} ${user.split('\n')[0]}`;
  asked.set(question, [...(asked.get(question) ?? []), step]);
  return reply;
}

const mock = new LLMock({ port: 0, logLevel: 'silent', journalMaxEntries: 10 });
mock.addFixture({ match: { predicate: () => true }, response: answer });
let receiver;

export const name = 'teamwork';

export async function start() {
  await mock.start();
  receiver = await Receiver.open();
}

export async function stop() {
  await mock.stop();
  await receiver.close();
}

export const tags = (serial) => ({ study: `S${serial}x`, path: `/study-${serial}/` });

export const options = (tags) => ({
  agents: team,
  models: { mock: { api: 'openai-chat', base_url: `${mock.url}/v1`, price: { in: 3, out: 15 } } },
  change: (config) => {
    teamAuthority(config);
    for (const [agent, settings] of Object.entries(config.agents)) settings.model = `mock/${agent}`;
    config.webhooks = { ops: { url: { env: 'HQ_TEST_WEBHOOK' }, per_minute: 600 } };
    config.budget = { usd: 20, per: 'day' };
  },
  env: { HQ_TEST_WEBHOOK: `${receiver.url}${tags.path}` },
});

export async function work(company, tags) {
  const id = await insist(company, 'the study is accepted', async () => {
    const { status, json } = await company.api('POST', '/v1/tasks', {
      agent: 'manager', kind: 'ask', key: 'the-study', instruction: `study:${tags.study}`, deliver: { channel: 'webhook', to: 'ops' } });
    return (status === 200 || status === 201) && json.task.id;
  });
  await untilEnded(company, id);
  return { id };
}

// Each question's steps in order, none behind a later one: what is recorded is not asked again.
function checkAsked(tag) {
  for (const [agent, text] of teamTasks(tag)) {
    const steps = asked.get(`${agent} ${text}`) ?? [];
    assert.ok(steps.length > 0, `${agent} was never asked: ${text}`);
    for (let i = 1; i < steps.length; i++) assert.ok(steps[i] >= steps[i - 1], `${agent} ${text}: steps ${steps.join(', ')}`);
    assert.deepEqual([...new Set(steps)], [...steps.keys()].slice(0, new Set(steps).size), `${agent} ${text}: steps ${steps.join(', ')}`);
  }
}

export async function check(company, { id }, tags) {
  await insist(company, 'the result is delivered', async () => (await company.task(id)).effects?.every((effect) => effect.state === 'confirmed'));
  await checkTeamwork(company, id, tags.study);
  checkAsked(tags.study);
  assert.equal((await company.task(id)).effects.length, 1);
  const seen = new Set(receiver.requests.filter(({ url }) => url.endsWith(tags.path)).map(({ json }) => `${json.source} ${json.id}`));
  assert.equal(seen.size, 1, `the receiver took ${seen.size} results`);
  const { items } = (await company.api('GET', '/v1/tasks')).json;
  assert.equal(items.length, teamTasks(tags.study).length, 'eight tasks, no more');
  await company.check();
  return 0;
}
