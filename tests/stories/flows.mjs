// Workflows in a private company: files, starts, waits, decisions, and the look back at a run by replay.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { until } from './company.mjs';

export const runEnded = (state) => ['done', 'failed', 'rejected', 'cancelled', 'timed_out'].includes(state);

// JSON is YAML, too.
export function writeFlow(company, name, flow) {
  const path = join(company.dir, 'workflows', `${name}.yaml`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof flow === 'string' ? flow : JSON.stringify({ name, ...flow }, null, 1));
  return path;
}

export async function startRun(company, workflow, inputs = {}, more = {}) {
  const { status, json, text } = await company.api('POST', '/v1/runs', { workflow, inputs, key: `${workflow}-${Math.random()}`, ...more });
  assert.ok(status === 200 || status === 201, text);
  return json.run.id;
}

export async function lookRun(company, id) {
  const { status, json, text } = await company.api('GET', `/v1/runs/${id}`);
  assert.equal(status, 200, text);
  return json.run;
}

// Looks again until `probe(run)` is true; a run that ended otherwise fails at once.
export async function untilRun(company, id, what, probe) {
  return until(`run ${id} ${what}`, async () => {
    const run = await lookRun(company, id);
    if (probe(run)) return run;
    assert.ok(!runEnded(run.state), `${what}: the run is ${run.state}: ${JSON.stringify(run)}`);
    return null;
  });
}

export const untilRunEnds = (company, id) => untilRun(company, id, 'ends', (run) => runEnded(run.state));

export async function inboxOf(company, id, token) {
  const { status, json, text } = await company.api('GET', '/v1/inbox', undefined, token);
  assert.equal(status, 200, text);
  return json.items.filter((item) => !id || item.run === id);
}

export async function untilGate(company, id) {
  return until(`run ${id} asks a person`, async () => (await inboxOf(company, id))[0]);
}

// The first gate of a run, also when its time is over already.
export async function gateOf(company, id) {
  const [gate] = await until(`run ${id} has a gate`, async () => (await lookRun(company, id)).approvals?.length && (await lookRun(company, id)).approvals);
  const { json } = await company.api('GET', `/v1/inbox/${gate.id}`);
  return json.item ?? json;
}

export function decide(company, item, decision, { token, ...more } = {}) {
  return company.api('POST', `/v1/inbox/${item}`, { decision, ...more }, token);
}

// The interpreter, outside of the hub, comes to the same decisions from the recorded facts.
export async function replays(company, id) {
  const { code, json, stdout, stderr } = await company.hq('flow', 'replay', id, '--json');
  assert.equal(code, 0, `${stdout}${stderr}`);
  assert.equal(json.hash, (await lookRun(company, id)).hash, 'the hash of the replay is the run\'s');
}

// What every run must be like afterwards, however it went.
export async function checkRun(company, id) {
  await replays(company, id);
  const { json } = await company.api('GET', `/v1/runs/${id}/events?limit=1000`);
  const decisions = json.items.filter(({ type }) => type === 'run.decided');
  assert.deepEqual(decisions.map(({ body }) => body.n), decisions.map((_, i) => i + 1), 'decisions are numbered without gaps');
  const gates = json.items.filter(({ type }) => type === 'approval.decided').map(({ body }) => body.approval);
  assert.equal(new Set(gates).size, gates.length, 'each approval has one outcome');
  await company.check();
}
