// The sample workflows of examples/atomizer: each is checked, passes its own tests, and runs to its end on real
// processes with the offline model; where it has a gate, a person decides over the command line.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, Company, copyExample, repository, run, until } from './company.mjs';

const example = join(repository, 'examples/atomizer');
const samples = ['client-intake', 'condense-discussion', 'design-review', 'material-trade-study', 'quick-research'];

// The example company as it is shipped, on free ports.
async function open(t) {
  const company = await Company.open(t, { up: false });
  copyExample('atomizer', company.dir);
  const text = readFileSync(join(example, 'hq.yaml'), 'utf8').replaceAll(/\b18([78])(\d\d)\b/g,
    (_, block, port) => String(block === '8' ? company.base + Number(port) : company.base + 60));
  company.writeConfig(text);
  company.hubPort = company.base + 60;
  await company.up();
  return company;
}

const flow = async (company, name, ...args) => {
  const result = await company.hq('flow', 'run', name, '--json', ...args);
  return { ...result, run: result.json?.run };
};

// Starts, waits for the gate and gives its item.
async function toGate(company, name, ...args) {
  const { stdout, code, stderr } = await company.hq('flow', 'run', name, '--no-wait', ...args);
  assert.ok([0, 6].includes(code), stderr); // 6: it is at its gate already
  const id = stdout.trim();
  const gate = await until('the gate', async () => {
    const { json } = await company.api('GET', `/v1/runs/${id}?wait_ms=1000`);
    assert.ok(!['failed', 'done', 'rejected'].includes(json.run.state), JSON.stringify(json.run));
    return json.run.approvals.find((approval) => approval.state === 'pending');
  });
  return { id, gate: (await company.api('GET', `/v1/inbox/${gate.id}`)).json };
}

const ended = async (company, id) => (await company.hq('flow', 'watch', id, '--json')).stdout.trim().split('\n').map((line) => JSON.parse(line)).at(-1).run;
const show = (gate) => JSON.parse((gate.item ?? gate).subject).show;

test('every sample has a test of its own, and all pass', async () => {
  const files = readdirSync(join(example, 'workflows')).filter((name) => name.endsWith('.yaml'));
  assert.deepEqual(files, samples.flatMap((name) => [`${name}.test.yaml`, `${name}.yaml`]));
  for (const name of samples) {
    const check = await run(binary, ['-C', example, 'flow', 'check', name]);
    assert.equal(check.code, 0, `${name}: ${check.stdout}${check.stderr}`);
    const result = await run(binary, ['flow', 'test', join(example, 'workflows', `${name}.test.yaml`)]);
    assert.equal(result.code, 0, `${name}: ${result.stdout}${result.stderr}`);
    assert.match(result.stdout, /[1-9]\d* passed, 0 failed/);
  }
});

test('material-trade-study: two in parallel, one revision, released, reported with a file', async (t) => {
  const company = await open(t);
  const { id, gate } = await toGate(company, 'material-trade-study', '-i', 'part=strut');
  assert.match(show(gate), /6061-T6[^]*PASS/);
  assert.equal((await company.hq('inbox', 'approve', (gate.item ?? gate).id)).code, 0);
  const done = await ended(company, id);
  assert.equal(done.state, 'done', JSON.stringify(done));
  assert.deepEqual({ ...done.output, report: undefined }, { part: 'strut', material: '6061-T6', verdict: 'PASS', report: undefined });
  assert.ok(done.steps.geometry.started_at <= done.steps.properties.finished_at && done.steps.properties.started_at <= done.steps.geometry.finished_at);
  const file = await company.hq('task', 'artefact', done.steps.report.task, 'report.md');
  assert.match(file.stdout, /Material of the strut/);
  await company.check();
});

test('quick-research: answered with a source and audited; what is not found is said', async (t) => {
  const company = await open(t);
  const found = await flow(company, 'quick-research', '-i', 'question=What is the density of 6061?');
  assert.equal(found.code, 0, found.stdout + found.stderr);
  assert.equal(found.run.output.audited, 'PASS');
  assert.match(found.run.output.brief, /2\.70.*PASS/);
  const not = await flow(company, 'quick-research', '-i', 'question=Who won?', '-i', 'audit=false');
  assert.equal(not.run.output.audited, 'not audited');
  assert.deepEqual(not.run.output.sources, []);
  assert.equal(not.run.steps.sources.state, 'skipped');
});

test('design-review: PASS, CONDITIONAL with one revision, FAIL that only the CEO overrides, in writing', async (t) => {
  const company = await open(t);
  const pass = await flow(company, 'design-review', '-i', 'design=Stress 184 MPa in B-B, yield 276 MPa.');
  assert.equal(pass.code, 0, pass.stdout + pass.stderr);
  assert.deepEqual([pass.run.output.verdict, pass.run.output.revised, pass.run.steps.override.state], ['PASS', false, 'skipped']);
  const revised = await flow(company, 'design-review', '-i', 'design=Stress 184 in B-B.');
  assert.deepEqual([revised.run.output.verdict, revised.run.output.revised], ['PASS', true]);
  const failed = await toGate(company, 'design-review', '-i', 'design=A crack at the root.');
  const item = (failed.gate.item ?? failed.gate).id;
  const bare = await company.hq('inbox', 'approve', item);
  assert.notEqual(bare.code, 0, 'an override without a reason');
  const rejected = await company.hq('inbox', 'reject', item, '-m', 'mend it first');
  assert.equal(rejected.code, 0, rejected.stderr);
  assert.equal((await ended(company, failed.id)).state, 'rejected');
  assert.equal((await company.hq('flow', 'watch', failed.id)).code, 5);
});

test('client-intake: a plan with its cost, changed once, then approved by the owner', async (t) => {
  const company = await open(t);
  const { id, gate } = await toGate(company, 'client-intake', '-i', 'client=Acme', '-i', 'project=bracket', '-i', 'request=Lighter, please.');
  assert.match(show(gate), /Cost: +14\.5 USD[^]*6 hours[^]*CMA-ES, 200 trials/);
  const first = (gate.item ?? gate).id;
  const changed = await company.api('POST', `/v1/inbox/${first}`, { decision: 'changes_requested', feedback: 'name the risk first', subject_hash: (gate.item ?? gate).subject_hash });
  assert.equal(changed.status, 200, changed.text);
  const second = await until('the gate again', async () => {
    const { json } = await company.api('GET', `/v1/runs/${id}?wait_ms=1000`);
    return json.run.approvals.find((approval) => approval.state === 'pending' && approval.id !== first);
  });
  assert.equal((await company.hq('inbox', 'approve', second.id, '--answer', '{"ceiling_usd":20}')).code, 0);
  const done = await ended(company, id);
  assert.equal(done.state, 'done', JSON.stringify(done));
  assert.equal(done.output.project, 'Acme-bracket');
  assert.equal(done.steps.plan.round, 1);
  assert.match(done.output.kickoff, /Acme-bracket begins/);
});

test('condense-discussion: what supersedes an earlier decision is confirmed first', async (t) => {
  const company = await open(t);
  const plain = await flow(company, 'condense-discussion', '-i', 'topic=wall', '-i', 'discussion=We take 2.4 mm.');
  assert.equal(plain.code, 0, plain.stdout + plain.stderr);
  assert.deepEqual([plain.run.output.supersedes, plain.run.steps.confirm.state], [[], 'skipped']);
  const { id, gate } = await toGate(company, 'condense-discussion', '-i', 'topic=wall', '-i', 'discussion=2.6 mm instead of 2.4.', '-i', 'earlier=2026-11-02-wall.md');
  assert.match(show(gate), /Supersedes: 2026-11-02-wall\.md/);
  assert.equal((await company.hq('inbox', 'approve', (gate.item ?? gate).id)).code, 0);
  const done = await ended(company, id);
  assert.equal(done.state, 'done', JSON.stringify(done));
  assert.deepEqual(done.output.supersedes, ['2026-11-02-wall.md']);
  const file = await company.hq('task', 'artefact', done.steps.file.task, 'wall.md');
  assert.match(file.stdout, /Supersedes: "2026-11-02-wall\.md"/);
});
