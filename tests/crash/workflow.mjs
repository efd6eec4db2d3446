// A workflow under the knife: parallel steps, a command, a sub-workflow, a gate that a person opens, a job
// that somebody else runs, and a webhook at a receiver that de-duplicates.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { repository } from '../stories/company.mjs';
import { checkRun, runEnded, writeFlow } from '../stories/flows.mjs';
import { Receiver } from '../stories/receiver.mjs';
import { insist } from './operator.mjs';

const require = createRequire(join(repository, 'tests/package.json'));
const { LLMock } = require('@copilotkit/aimock');

const asked = new Map(); // what an agent was asked → how often

function answer(request) {
  const text = JSON.stringify(request.messages.findLast((message) => message.role === 'user').content);
  const [, what, tag] = /part:([a-z]+) ([A-Za-z0-9]+)/.exec(text);
  asked.set(`${what} ${tag}`, (asked.get(`${what} ${tag}`) ?? 0) + 1);
  return { content: `${what} of ${tag}` };
}

const mock = new LLMock({ port: 0, logLevel: 'silent', journalMaxEntries: 10 });
mock.addFixture({ match: { predicate: () => true }, response: answer });
let receiver;

export const name = 'workflow';

export async function start() {
  await mock.start();
  receiver = await Receiver.open();
}

export async function stop() {
  await mock.stop();
  await receiver.close();
}

export const tags = (serial) => ({ tag: `W${serial}x`, path: `/walk-${serial}/` });

const walk = {
  inputs: { tag: { type: 'string', required: true } },
  steps: {
    left: { agent: 'webster', task: 'part:left ${{ inputs.tag }}' },
    right: { agent: 'auditor', task: 'part:right ${{ inputs.tag }}' },
    made: { run: 'echo "$TAG" >> made.txt && cat made.txt', with: { TAG: '${{ inputs.tag }}' } },
    below: { workflow: 'below', with: { tag: '${{ inputs.tag }}' } },
    gate: { needs: ['left', 'right', 'made', 'below'], approve: { title: 'Go on?', show: '${{ steps.left.output }}', expires: '1h' } },
    batch: { needs: ['gate'], job: { name: 'solve', script: 'solve.sh', args: ['${{ inputs.tag }}'] } },
    post: { needs: ['batch'], effect: 'webhook', with: { to: 'webhook:ops', data: { tag: '${{ inputs.tag }}', batch: '${{ steps.batch.output.result }}' } } },
  },
  output: { left: '${{ steps.left.output }}', right: '${{ steps.right.output }}', below: '${{ steps.below.output }}', batch: '${{ steps.batch.output.result }}' },
};

const below = {
  inputs: { tag: { type: 'string', required: true } },
  steps: {
    nap: { wait: { for: '20ms' } },
    deep: { needs: ['nap'], agent: 'webster', task: 'part:deep ${{ inputs.tag }}' },
  },
};

export const options = (tags) => ({
  agents: ['webster', 'auditor'],
  models: { mock: { api: 'openai-chat', base_url: `${mock.url}/v1` } },
  change: (config) => {
    for (const [agent, settings] of Object.entries(config.agents)) settings.model = `mock/${agent}`;
    config.webhooks = { ops: { url: { env: 'HQ_TEST_WEBHOOK' }, per_minute: 600 } };
    config.jobs = 'job-queue';
    config.runner = true;
  },
  env: { HQ_TEST_WEBHOOK: `${receiver.url}${tags.path}` },
});

// The other side of the bridge: a result for each folder that is out, put down twice. It lists its files
// (none), so that nobody waits for more to come.
function runJobs(company) {
  const queue = join(company.dir, 'job-queue');
  if (!existsSync(join(queue, 'outbox'))) return;
  for (const id of readdirSync(join(queue, 'outbox')).filter((entry) => entry.startsWith('job-'))) {
    const path = join(queue, 'outbox', id, 'job.json');
    if (existsSync(join(queue, 'inbox', id)) || !existsSync(path)) continue;
    const job = JSON.parse(readFileSync(path, 'utf8'));
    const copy = join(queue, 'inbox', `.tmp-${id}`);
    mkdirSync(copy, { recursive: true });
    writeFileSync(join(copy, 'job.json'), JSON.stringify({ ...job, status: 'completed', result: `solved ${job.args[0]}`, files: [] }));
    renameSync(copy, join(queue, 'inbox', id));
  }
}

// What a person does: opens the gate, and lets run again what nobody knows the outcome of.
async function decideAll(company, seen) {
  const { json } = await company.api('GET', '/v1/inbox');
  for (const item of json?.items ?? []) {
    seen.set(item.id, item.kind);
    await company.api('POST', `/v1/inbox/${item.id}`, { decision: 'approved' });
  }
}

export async function work(company, tags) {
  writeFlow(company, 'walk', walk);
  writeFlow(company, 'below', below);
  writeFileSync(join(company.dir, 'workflows/solve.sh'), 'echo solved\n');
  const id = await insist(company, 'the run is accepted', async () => {
    const { status, json } = await company.api('POST', '/v1/runs', { workflow: 'walk', inputs: { tag: tags.tag }, key: 'the-walk' });
    return (status === 200 || status === 201) && json.run.id;
  });
  const seen = new Map();
  await insist(company, `${id} ends`, async () => {
    await decideAll(company, seen);
    runJobs(company);
    return runEnded((await company.api('GET', `/v1/runs/${id}`)).json.run.state);
  });
  return { id, seen };
}

function checkSteps(run, { seen }) {
  const states = Object.fromEntries(Object.entries(run.steps).map(([step, { state }]) => [step, state]));
  assert.deepEqual(states, { left: 'done', right: 'done', made: 'done', below: 'done', gate: 'done', batch: 'done', post: 'done' }, JSON.stringify(run));
  for (const [step, { tries, round }] of Object.entries(run.steps)) assert.deepEqual([step, tries <= 1, round], [step, true, 0], JSON.stringify(run.steps[step]));
  assert.equal([...seen.values()].filter((kind) => kind === 'gate').length, 1, 'one gate was asked for');
}

export async function check(company, ids, tags) {
  const { json } = await company.api('GET', `/v1/runs/${ids.id}`);
  const { tag } = tags;
  assert.equal(json.run.state, 'done', JSON.stringify(json.run));
  assert.deepEqual(json.run.output, { left: `left of ${tag}`, right: `right of ${tag}`, below: `deep of ${tag}`, batch: `solved ${tag}` });
  checkSteps(json.run, ids);
  const unknown = [...ids.seen.values()].filter((kind) => kind === 'ambiguous').length;
  const made = json.run.steps.made.output.trim().split('\n');
  assert.ok(made.length >= 1 && made.length <= 1 + unknown, `the command ran ${made.length} times, ${unknown} declared`);
  const sent = new Set(receiver.requests.filter(({ url }) => url.endsWith(tags.path)).map(({ json: event }) => `${event.source} ${event.id}`));
  assert.equal(sent.size, 1, `the receiver took ${sent.size} events`);
  for (const what of ['left', 'right', 'deep']) assert.ok(asked.get(`${what} ${tag}`) >= 1);
  const { items } = (await company.api('GET', '/v1/tasks')).json;
  assert.deepEqual(items.map(({ kind }) => kind).sort(), ['flow', 'flow', 'run', 'step', 'step', 'step'], 'six tasks, no more');
  const jobs = (await company.api('GET', '/v1/jobs')).json.items;
  assert.deepEqual(jobs.map(({ state }) => state), ['completed']);
  await insist(company, 'the job is put away', () => {
    const left = ['inbox', 'outbox'].flatMap((side) => readdirSync(join(company.dir, 'job-queue', side)));
    return left.filter((entry) => entry.includes('job-')).length === 0;
  });
  await checkRun(company, ids.id);
  return unknown;
}
