// Workflows tested without a company: canned answers, virtual time, and every wrong file told apart.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, repository, run } from './company.mjs';

function folder(t, files) {
  const dir = mkdtempSync(join(tmpdir(), 'hq-flow-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

const hq = (dir, ...args) => run(binary, ['flow', 'test', ...args], { cwd: dir });

const TRADE = `
name: trade
inputs: { part: { type: string, required: true } }
steps:
  check: { workflow: check, with: { part: "\${{ inputs.part }}" } }
  draft: { needs: [check], agent: writer, task: "Draft \${{ inputs.part }}", output: { schema: { type: object, required: [cost] } }, retry: { attempts: 2, initial: 10s, jitter: false } }
  gate: { needs: [draft], approve: { show: "\${{ steps.draft.output }}", rerun: draft, expires: 7d } }
  paid: { needs: [gate], wait: { signal: payment }, timeout: 14d }
  post: { needs: [paid], effect: webhook, with: { to: "webhook:reports", text: hello } }
output: { cost: "\${{ steps.draft.output.cost }}", paid: "\${{ steps.paid.output.eur }}" }
`;
const CHECK = `
name: check
inputs: { part: { type: string, required: true } }
steps:
  look: { agent: auditor, task: "Look at \${{ inputs.part }}" }
  ok: { needs: [look], approve: { show: x } }
`;
const GOOD = `
tests:
  - name: a week of approvals
    inputs: { part: M1 }
    steps:
      check: { steps: { look: { output: fine }, ok: { decision: approved, by: ceo, after: 20h } } }
      draft: [ { fail: timeout }, { output: { cost: 3 } } ]
      gate: { decision: approved, by: ceo, after: 6d }
      paid: { payload: { eur: 7 }, after: 1d }
      post: { state: confirmed }
    expect: { output: { cost: 3, paid: 7 }, after: { min: 7d, max: 8d }, steps: { check/look: done, draft: { tries: 2 } } }
`;
const files = (tests) => ({ 'trade.yaml': TRADE, 'check.yaml': CHECK, 'trade.test.yaml': tests });

test('a week of approvals takes milliseconds, sub-workflows run for real', async (t) => {
  const dir = folder(t, files(GOOD));
  for (const args of [['trade.test.yaml'], ['trade.yaml'], ['trade.test.yaml', '--seed', '7']]) {
    const result = await hq(dir, ...args);
    assert.equal(result.code, 0, result.stdout + result.stderr);
    assert.match(result.stdout, /ok {3}a week of approvals \(done, 7d 20h\)/);
    assert.match(result.stdout, /1 passed, 0 failed\n$/);
  }
  const json = JSON.parse((await hq(dir, '--json', 'trade.yaml')).stdout);
  assert.equal(json.passed, 1);
  assert.match(json.tests[0].hash, /^[0-9a-f]{64}$/);
  const pinned = GOOD.replace('expect: {', `expect: { hash: ${json.tests[0].hash},`);
  writeFileSync(join(dir, 'trade.test.yaml'), pinned);
  assert.equal((await hq(dir, 'trade.test.yaml')).code, 0);
  writeFileSync(join(dir, 'trade.yaml'), TRADE.replace('text: hello', 'text: bye'));
  assert.match((await hq(dir, 'trade.test.yaml')).stdout, /hash: expected [0-9a-f]+, saw [0-9a-f]+/);
});

test('each failed expectation says what was seen', async (t) => {
  const change = (from, to) => files(GOOD.replace(from, to));
  const cases = [
    [change('cost: 3, paid: 7', 'cost: 4, paid: 7'), /output: expected \{"cost":4,"paid":7\}, saw \{"cost":3,"paid":7\}/],
    [change('max: 8d', 'max: 7d'), /after: expected at most 7d, took 7d 20h/],
    [change('check/look: done', 'check/look: skipped'), /steps\.check\/look: expected skipped, saw done/],
    [change('tries: 2', 'tries: 1'), /steps\.draft\.tries: expected 1, saw 2/],
    [change('decision: approved, by: ceo, after: 6d', 'decision: rejected, by: ceo, feedback: too dear'), /state: expected done|output: expected/],
    [change('after: 6d', 'after: 8d'), /output: expected .* saw nothing/],
    [change('{ output: { cost: 3 } }', '{ output: { price: 3 } }'), /output: expected/],
    [change('      post: { state: confirmed }\n', ''), /step "post" \(effect\) has no canned answer; give it one under steps, or a default/],
    [change('ok: { decision: approved, by: ceo, after: 20h }', ''), /step "check\/ok" \(approve\) has no canned answer; give it one under steps\n/],
    [change('inputs: { part: M1 }', 'inputs: { prt: M1 }'), /prt|part/],
    [change('payload: { eur: 7 }, after: 1d', 'never: true'), /output: expected/],
  ];
  for (const [all, expected] of cases) {
    const result = await hq(folder(t, all), 'trade.test.yaml');
    assert.match(result.stdout, expected);
    assert.match(result.stdout, /0 passed, 1 failed\n$/);
    assert.equal(result.code, 1);
  }
});

test('what a company would do to a run happens to it here', async (t) => {
  const main = `
name: main
budget: { wall: 10d }
steps:
  draft: { agent: writer, task: go, output: { schema: { type: integer } }, retry: { attempts: 2, initial: 1s } }
  sub: { needs: [draft], workflow: inner, timeout: 5d, with: { n: "\${{ steps.draft.output }}" } }
  gate: { needs: [draft], approve: { show: x, rerun: draft, expires: 30d } }
  last: { needs: [sub, gate], run: "echo hello", with: { N: "\${{ steps.sub.output }}" } }
on_failure: { agent: writer, task: explain }
`;
  const inner = `
name: inner
inputs: { n: { type: integer, required: true } }
steps: { ask: { approve: { show: "\${{ inputs.n }}", expires: 20d } } }
output: "\${{ inputs.n }}"
`;
  const item = (name, steps, expect) => `  - name: ${name}\n    steps: { ${steps}, on_failure: { output: why } }\n    expect: ${expect}\n`;
  const tests = 'tests:\n' + [
    item('a sub-workflow that is taken back is forgotten', `draft: { output: 1 }, sub: { steps: { ask: { decision: approved, after: 2d } } },
      gate: [ { decision: changes_requested, after: 1d }, { decision: approved } ], last: { output: hello }`,
    '{ state: done, steps: { sub: { round: 1, output: 1 }, sub/ask: done }, after: { min: 3d, max: 3d } }'),
    item('an output that does not fit is tried again, then fails', 'draft: { output: one }', '{ state: failed, failure: { class: malformed, message: integer }, steps: { draft: { tries: 2 }, on_failure: done, last: not_run } }'),
    item('a sub-workflow has the time of its step', 'draft: { output: 1 }, sub: { steps: { ask: { decision: approved, after: 6d } } }, gate: { decision: approved }', '{ state: failed, failure: { step: sub, class: timeout }, after: { min: 5d, max: 5d } }'),
    item('a sub-workflow that is rejected rejects', 'draft: { output: 1 }, sub: { steps: { ask: { decision: rejected, feedback: no } } }, gate: { decision: approved }', '{ state: rejected, steps: { sub: rejected, last: not_run } }'),
    item('a run has the time of its budget', 'draft: { output: 1 }, sub: { output: 4 }, gate: { decision: approved, after: 11d }', '{ state: timed_out, after: { min: 10d, max: 10d } }'),
    item('a refusal is not tried again', 'draft: { fail: refused, message: no }', '{ state: failed, failure: { class: refused, message: "no" }, steps: { draft: { tries: 1 } } }'),
  ].join('');
  const dir = folder(t, { 'main.yaml': main, 'inner.yaml': inner, 'main.test.yaml': tests });
  for (const seed of ['0', '5']) {
    const result = await hq(dir, 'main.test.yaml', '--seed', seed);
    assert.match(result.stdout, /6 passed, 0 failed\n$/, result.stdout + result.stderr);
  }
});

test('a wrong file is told with its place, and nothing of it runs', async (t) => {
  const change = (from, to) => files(GOOD.replace(from, to));
  const cases = [
    [change('draft: [', 'darft: ['), /trade\.test\.yaml:7:7: .*no step "darft"[^]*did you mean "draft"/],
    [change('decision: approved, by: ceo, after: 6d', 'decison: approved'), /trade\.test\.yaml:8:15: .*no "decison"[^]*did you mean "decision"/],
    [change('fail: timeout', 'fail: timeut'), /7:24: .*one of failed, timeout[^]*did you mean "timeout"/],
    [change('after: 6d', 'after: soon'), /8:51: tests\[0\]\.steps\.gate\.after: must be a duration/],
    [change('look: { output: fine }', 'lok: { output: fine }'), /6:25: .*check\.yaml has no step "lok"[^]*did you mean "look"/],
    [change('check/look: done', 'check/lok: done'), /11:\d+: .*no step "lok"/],
    [change('check/look: done', 'check/look: don'), /did you mean "done"/],
    [change('expect:', 'expects:'), /11:5: .*no "expects"[^]*did you mean "expect"/],
    [change('tests:', 'tets:'), /no "tets"/],
    [change('- name: a week of approvals\n    inputs', '- inputs'), /map with "name"/],
    [files('tests: []\n'), /list with something in it/],
    [files('tests: [\n'), /trade\.test\.yaml:/],
    [files(`workflow: nothing.yaml\n${GOOD}`), /nothing\.yaml/],
    [{ ...files(GOOD), 'trade.yaml': TRADE.replace('agent: writer', 'agnet: writer') }, /trade\.yaml:6:\d+: /],
  ];
  for (const [all, expected] of cases) {
    const result = await hq(folder(t, all), 'trade.test.yaml');
    assert.match(result.stderr, expected);
    assert.equal(result.code, 2, result.stdout + result.stderr);
    assert.match(result.stdout, /0 passed, 0 failed\n$/);
  }
  const dir = folder(t, files(GOOD));
  assert.equal((await hq(dir, 'missing.test.yaml')).code, 2);
  assert.equal((await hq(dir)).code, 2);
  assert.equal((await hq(dir, 'trade.test.yaml', '--seed', 'x')).code, 2);
});

test('the tests of the example company pass, in any order', async () => {
  const dir = join(repository, 'examples/atomizer/workflows');
  const all = ['client-intake', 'design-review'].map((name) => `${name}.test.yaml`);
  for (const seed of ['0', '1', '99']) {
    const result = await hq(dir, '--seed', seed, ...all);
    assert.match(result.stdout, /\d+ passed, 0 failed\n$/);
    assert.equal(result.code, 0);
  }
});
