// Runs of workflows through HTTP, with real processes and the scripted model: parallel steps, a sub-workflow, a gate, an
// effect; over the death of the hub; an edited file changes nothing; what failed is tried again; what waits can be cancelled.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, until } from './company.mjs';
import { Receiver } from './receiver.mjs';

const ended = ['done', 'failed', 'rejected', 'cancelled', 'timed_out'];

const study = {
  inputs: { part: { type: 'string', required: true } },
  steps: {
    cte: { agent: 'manager', task: 'echo:cte of ${{ inputs.part }}' },
    mesh: { agent: 'tech-lead', task: 'echo:mesh of ${{ inputs.part }}' },
    deep: { needs: ['cte', 'mesh'], workflow: 'deeper', with: { word: '${{ steps.cte.output }}' } },
    gate: { needs: ['deep'], approve: { show: '${{ steps.deep.output }}', title: 'Post it?' } },
    post: { needs: ['gate'], effect: 'message', with: { to: 'webhook:team', text: '${{ steps.deep.output }}' } },
  },
};
const deeper = {
  inputs: { word: { type: 'string' } },
  steps: { look: { agent: 'manager', task: 'echo:deeper', with: { word: '${{ inputs.word }}' } } },
};

function writeWorkflow(company, name, flow) {
  mkdirSync(join(company.dir, 'workflows'), { recursive: true });
  writeFileSync(join(company.dir, 'workflows', `${name}.yaml`), JSON.stringify({ name, ...flow }, null, 1));
}

async function open(t, flows) {
  const receiver = await Receiver.open(t);
  const company = await Company.open(t, {
    agents: 2, up: false,
    change: (config) => {
      config.webhooks = { team: { url: { file: 'secrets/team.url' } } };
      config.runner = false;
    },
  });
  mkdirSync(join(company.dir, 'secrets'), { recursive: true, mode: 0o700 });
  writeFileSync(join(company.dir, 'secrets/team.url'), receiver.url, { mode: 0o600 });
  for (const [name, flow] of Object.entries(flows)) writeWorkflow(company, name, flow);
  await company.up();
  return { company, receiver };
}

async function get(company, path) {
  const { status, json, text } = await company.api('GET', path);
  assert.equal(status, 200, text);
  return json;
}

async function start(company, body) {
  const { status, json, text } = await company.api('POST', '/v1/runs', body);
  assert.equal(status, 201, text);
  return json.run.id;
}

// Asks again for each decision, parked in between, until `probe(run)` is true.
async function runUntil(company, id, what, probe) {
  let run = (await get(company, `/v1/runs/${id}`)).run;
  return until(`run ${id} ${what}`, async () => {
    if (probe(run)) return run;
    assert.ok(!ended.includes(run.state), `the run is ${run.state}: ${JSON.stringify(run)}`);
    run = (await get(company, `/v1/runs/${id}?wait_ms=2000&decided=${run.decided}`)).run;
    return null;
  });
}

const untilEnd = (company, id) => runUntil(company, id, 'ends', (run) => ended.includes(run.state));
const untilGate = (company, id) => runUntil(company, id, 'waits', (run) => /approval/.test(run.waiting ?? ''));

test('a run goes its way through agents, a sub-workflow, a gate and an effect, over the death of the hub', async (t) => {
  const { company, receiver } = await open(t, { study, deeper });
  const id = await start(company, { workflow: 'study', inputs: { part: 'M1' }, key: 'one' });
  const waiting = await untilGate(company, id);
  assert.equal(waiting.state, 'waiting');
  assert.match(waiting.waiting, /^approval g-\w{8} \(gate\)$/);
  assert.deepEqual(waiting.order, ['cte', 'mesh', 'deep', 'gate', 'post']);
  assert.deepEqual(waiting.steps.post.needs, ['gate']);
  assert.equal(waiting.steps.post.state, 'pending');
  assert.equal(waiting.steps.cte.output, 'echo cte');
  assert.equal(waiting.approvals.length, 1);
  const flow = await company.task(waiting.task);
  assert.equal(flow.task.kind, 'flow');
  assert.match(flow.note, /^waits for approval g-/);
  const tree = await get(company, `/v1/tasks/${waiting.task}/tree`);
  assert.equal(tree.items.filter((item) => item.task.kind === 'step').length, 3);
  const status = await get(company, '/v1/status');
  assert.deepEqual(status.runs, { open: 1, waiting: 1 });
  assert.ok(status.chains.some((chain) => /^run r-\S+ waits for approval g-/.test(chain.ends)), JSON.stringify(status.chains));

  const pid = company.kill('hub');
  writeWorkflow(company, 'study', { steps: { only: { agent: 'manager', task: 'echo:other' } } });
  await company.reborn('hub', pid);
  const gate = waiting.approvals[0].id;
  await until('the gate is approved', async () => (await company.api('POST', `/v1/inbox/${gate}`, { decision: 'approved' })).status === 200);
  const done = await untilEnd(company, id);
  assert.equal(done.state, 'done', JSON.stringify(done));
  assert.equal(receiver.events.size, 1);
  assert.equal([...receiver.events.values()][0].data.text, 'echo deeper');

  const events = await get(company, `/v1/runs/${id}/events?limit=1000`);
  assert.equal(events.items.filter((event) => event.type === 'run.decided').length, done.decided);
  const definition = await get(company, `/v1/runs/${id}/definition`);
  assert.deepEqual(Object.keys(definition.bundle.files).sort(), ['deeper.yaml', 'study.yaml']);
  assert.equal((await get(company, '/v1/runs?name=study')).items.length, 1);
  await company.check();
});

test('a start is refused with what is wrong, and the same key is the same run', async (t) => {
  const bad = { steps: { a: { agent: 'nobody', task: 'x' }, b: { agent: 'manager', task: 'x', neds: ['a'] } } };
  const { company } = await open(t, { study, deeper, bad });
  const wrong = await company.api('POST', '/v1/runs', { workflow: 'bad', key: 'k' });
  assert.equal(wrong.status, 422);
  assert.equal(wrong.json.error.code, 'bad_workflow');
  assert.equal(wrong.json.error.findings.length, 2, wrong.text);
  assert.match(wrong.json.error.findings[0], /bad\.yaml:\d+:\d+: /);
  const input = await company.api('POST', '/v1/runs', { workflow: 'study', inputs: {}, key: 'k' });
  assert.equal(`${input.status} ${input.json.error.code}`, '422 bad_input');
  const none = await company.api('POST', '/v1/runs', { workflow: 'stud', key: 'k' });
  assert.equal(`${none.status} ${none.json.error.code}`, '422 no_workflow');
  const agent = await company.api('POST', '/v1/runs', { workflow: 'study', key: 'k' }, company.token('manager'));
  assert.equal(agent.status, 403);
  const id = await start(company, { workflow: 'study', inputs: { part: 'M1' }, key: 'same' });
  const again = await company.api('POST', '/v1/runs', { workflow: 'study', inputs: { part: 'M1' }, key: 'same' });
  assert.equal(`${again.status} ${again.json.run.id}`, `200 ${id}`);
  await untilGate(company, id);
  const cancelled = await company.api('POST', `/v1/runs/${id}/cancel`, { reason: 'not now' });
  assert.equal(`${cancelled.status} ${cancelled.json.run.state}`, '200 cancelled');
  assert.equal((await company.api('POST', `/v1/runs/${id}/cancel`, {})).json.error.code, 'already_ended');
  assert.equal((await get(company, '/v1/inbox')).items.length, 0);
});

test('a failed run is tried again from where it failed; a signal is waited for', async (t) => {
  const fragile = {
    steps: {
      first: { agent: 'manager', task: 'echo:first' },
      second: { needs: ['first'], agent: 'tech-lead', task: 'refuse me' },
      third: { needs: ['second'], agent: 'manager', task: 'echo:third' },
    },
  };
  const patient = { steps: { go: { wait: { signal: 'go' } }, after: { needs: ['go'], agent: 'manager', task: 'echo:after' } } };
  const { company } = await open(t, { fragile, patient });
  const id = await start(company, { workflow: 'fragile', key: 'one' });
  const failed = await untilEnd(company, id);
  assert.equal(failed.state, 'failed');
  assert.equal(failed.failure.step, 'second');
  assert.equal(failed.steps.third.state, 'not_run');
  const again = await start(company, { retry_of: id, key: 'two' });
  const second = await untilEnd(company, again);
  assert.equal(second.retry_of, id);
  assert.equal(second.steps.first.output, 'echo first');
  assert.equal(second.steps.first.task, undefined, 'the result was taken over');
  const waits = await start(company, { workflow: 'patient', key: 'three' });
  await runUntil(company, waits, 'waits', (run) => run.waiting === 'signal go (go)');
  assert.equal((await company.api('POST', `/v1/runs/${waits}/signal`, { name: 'go', payload: 1 })).status, 200);
  assert.equal((await untilEnd(company, waits)).state, 'done');
  await company.check();
});
