// What a run decided is what it decides again: from the hub, from a saved file, and not from another definition.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, until } from './company.mjs';

const STUDY = `
name: study
inputs: { part: { type: string, required: true } }
steps:
  cte: { agent: manager, task: "echo:cte of \${{ inputs.part }}" }
  mesh: { agent: tech-lead, task: "echo:mesh of \${{ inputs.part }}" }
  deep: { needs: [cte, mesh], workflow: deeper, with: { word: "\${{ steps.cte.output }}" } }
  gate: { needs: [deep], approve: { show: "\${{ steps.deep.output }}", rerun: mesh } }
  last: { needs: [gate], agent: manager, task: "echo:done", with: { by: "\${{ steps.gate.output.by }}" } }
  pause: { needs: [gate], wait: { for: 50ms } }
`;
const DEEPER = `
name: deeper
inputs: { word: { type: string } }
steps: { look: { agent: manager, task: "echo:deeper" } }
`;
const ended = ['done', 'failed', 'rejected', 'cancelled', 'timed_out'];

test('a run replays to its decisions, elsewhere too, and another definition diverges', async (t) => {
  const company = await Company.open(t, { agents: 2, up: false, change: (config) => (config.runner = false) });
  const flows = join(company.dir, 'workflows');
  mkdirSync(flows, { recursive: true });
  writeFileSync(join(flows, 'study.yaml'), STUDY);
  writeFileSync(join(flows, 'deeper.yaml'), DEEPER);
  await company.up();
  const started = await company.api('POST', '/v1/runs', { workflow: 'study', inputs: { part: 'M1' }, key: 'one' });
  assert.equal(started.status, 201, started.text);
  const id = started.json.run.id;
  const look = async () => (await company.api('GET', `/v1/runs/${id}`)).json.run;
  const gate = async (decided) => {
    const item = await until('the gate', async () =>
      (await company.api('GET', '/v1/inbox')).json.items.find((one) => one.step === 'gate' && one.id !== decided));
    return item.id;
  };

  const first = await gate();
  assert.equal((await company.hq('flow', 'replay', id)).code, 0, 'a run that waits');
  await company.api('POST', `/v1/inbox/${first}`, { decision: 'changes_requested', feedback: 'finer' });
  const second = await gate(first);
  await company.api('POST', `/v1/inbox/${second}`, { decision: 'approved' });
  await until('the end', async () => ended.includes((await look()).state));
  assert.equal((await look()).state, 'done');

  const replayed = await company.hq('flow', 'replay', id.slice(0, 10));
  assert.equal(replayed.code, 0, replayed.stdout + replayed.stderr);
  assert.match(replayed.stdout, /reset mesh/);
  assert.match(replayed.stdout, /\nOK: \d+ decisions\nhash [0-9a-f]{64}\n$/);
  const { json } = await company.hq('--json', 'flow', 'replay', id);
  assert.equal(json.hash, (await look()).hash ?? json.hash);
  const child = (await company.api('GET', '/v1/runs')).json.items.find((run) => run.id !== id);
  assert.equal((await company.hq('flow', 'replay', child.id)).code, 0, 'the run of a sub-workflow');

  const file = join(company.dir, 'saved.jsonl');
  writeFileSync(file, (await company.hq('--json', 'flow', 'show', id, '--events')).stdout);
  for (const more of [[], ['--workflow', join(flows, 'study.yaml')]]) {
    const result = await company.hq('flow', 'replay', file, ...more);
    assert.equal(result.code, 0, result.stdout + result.stderr);
  }
  writeFileSync(join(flows, 'study.yaml'), STUDY.replace('echo:done', 'echo:gone'));
  assert.equal((await company.hq('flow', 'replay', id)).code, 0, 'an edited file changes nothing in the run');
  const edited = await company.hq('flow', 'replay', file, '--workflow', join(flows, 'study.yaml'));
  assert.equal(edited.code, 1);
  assert.match(edited.stderr, /event \d+: action \d+ was .*echo:done.* and is now .*echo:gone/);

  const lines = readFileSync(file, 'utf8').split('\n');
  const at = lines.findIndex((line) => /"approval\.decided"/.test(line) && /"approved"/.test(line));
  lines[at] = lines[at].replace('"approved"', '"rejected"');
  writeFileSync(file, lines.join('\n'));
  const forged = await company.hq('flow', 'replay', file);
  assert.equal(forged.code, 1, 'a fact that was forged');
  writeFileSync(file, 'no json\n');
  assert.equal((await company.hq('flow', 'replay', file)).code, 2);
});
