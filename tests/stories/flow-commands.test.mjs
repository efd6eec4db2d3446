// The commands that look at workflows without a company at work: list, check, graph and plan, with a
// company around the file and without, right files and wrong ones, small ones and one of 10,000 steps.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { binary, repository, run } from './company.mjs';

const UTF8 = { LC_ALL: 'C.UTF-8', COLUMNS: '80', HQ_DIR: '' };

// A folder of its own outside of any company, with these files.
function folder(t, files = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'hq-flow-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return {
    dir,
    hq: (...args) => run(binary, args, { cwd: dir, env: UTF8 }),
    json: async (...args) => {
      const { code, stdout, stderr } = await run(binary, [...args, '--json'], { cwd: dir, env: UTF8 });
      return { code, stderr, ...JSON.parse(stdout) };
    },
  };
}

function example(t) {
  const place = folder(t);
  cpSync(join(repository, 'examples/atomizer'), join(place.dir, 'atomizer'), { recursive: true });
  return { ...place, dir: join(place.dir, 'atomizer') };
}

const good = `name: trade
steps:
  cte: { agent: webster, task: Look it up }
  mesh: { agent: nx-expert, task: Mesh it }
  review: { needs: [cte, mesh], agent: auditor, task: Check, with: { cte: "\${{ steps.cte.output }}" } }
  gate: { needs: [review], approve: { show: "\${{ steps.review.output.summary }}", by: [role:engineer] } }
`;

const wrong = `name: trade
steps:
  cte: { agent: webster, tsak: Look it up, task: x }
  review:
    needs: [cte, mehs]
    agent: auditor
    task: Check
    with: { n: "\${{ length(steps.cte.output) > 'x' }}" }
    if: "\${{ length(steps.cte.output) > 2 && lenght(inputs.part) }}"
  gate:
    needs: [review]
    approve: { show: "\${{ steps.reveiw.output }}" }
`;

test('the sample workflows are right, listed with what they want, and drawn within 80 columns', async (t) => {
  const { hq, json, dir } = example(t);
  const list = await json('-C', dir, 'flow', 'list');
  assert.equal(list.code, 0);
  assert.equal(list.schema_version, 1);
  assert.deepEqual(list.items.map(({ name, ok }) => [name, ok]), [['client-intake', true], ['condense-discussion', true],
    ['design-review', true], ['material-trade-study', true], ['quick-research', true]]);
  const study = list.items.find(({ name }) => name === 'material-trade-study');
  assert.equal(study.steps, 9);
  assert.deepEqual(study.inputs.map(({ name, type, required }) => [name, type, required]),
    [['part', 'string', false], ['materials', 'list', false], ['load', 'string', false]]);
  const text = await hq('-C', dir, 'flow', 'list');
  assert.match(text.stdout, /^quick-research {12}3 {2}A question answered with sources\n {29}inputs: question \[audit\]$/m);
  writeFileSync(join(dir, 'workflows/red.yaml'), 'name: red\ndescription: "a \\e[31mred \\x9b31m one"\nsteps: { a: { run: "true" } }\n');
  assert.match((await hq('-C', dir, 'flow', 'list')).stdout, /^red {23}\S {2}(a \[31mred 31m one|wrong: .*)$/m);
  rmSync(join(dir, 'workflows/red.yaml'));
  for (const { name } of list.items) {
    for (const command of ['graph', 'plan', 'check']) {
      const { code, stdout, stderr } = await hq('-C', dir, 'flow', command, name);
      assert.equal(code, 0, stderr);
      assert.equal(stderr, '');
      for (const line of command === 'check' ? [] : stdout.split('\n')) assert.ok([...line].length <= 80, `${command} ${name}: ${line}`);
    }
  }
  assert.equal((await hq('-C', dir, 'flow', 'graph', 'material-trade-study')).stdout, `○ plan
│ manager
├─────────────┐
○ properties  ○ geometry
│ webster     │ nx-expert
├─────────────┘
○ choice
│ tech-lead
○ audit
│ auditor
○ revision
│ if … tech-lead
○ audit-again
│ if … auditor
◇ release
│ role:engineer decides
○ report
  secretary
on failure: manager
`);
});

test('check tells everything at once with its place, exit 2, and says when no company was there to look at', async (t) => {
  const { hq, json } = folder(t, { 'good.yaml': good, 'wrong.yaml': wrong });
  const right = await hq('flow', 'check', 'good.yaml');
  assert.equal(right.code, 0);
  assert.match(right.stderr, /no company here \(hq\.yaml\): agents, .* were not looked at/);
  assert.equal(right.stdout, 'good.yaml: good: 4 steps, 0 inputs\n');
  assert.equal((await hq('-q', 'flow', 'check', 'good.yaml')).stderr, '');

  const { code, stdout, stderr } = await hq('flow', 'check', 'good.yaml', 'wrong.yaml');
  assert.equal(code, 2);
  assert.match(stderr, /wrong\.yaml: 5 errors/);
  for (const [place, words] of [['3:26', /tsak/], ['5:18', /mehs/], ['8:46', /only two numbers or two texts have an order/],
    ['9:46', /there is no function "lenght"/], ['12:33', /reveiw/]])
    assert.match(stdout, new RegExp(`^wrong\\.yaml:${place}: .*${words.source}`, 'm'));
  assert.match(stdout, /did you mean "length"\?/);

  const answer = await json('flow', 'check', 'wrong.yaml', 'nowhere.yaml');
  assert.equal(answer.code, 2);
  assert.equal(answer.ok, false);
  assert.equal(answer.company_looked_at, false);
  assert.equal(answer.items[0].reports[0].findings.filter(({ level }) => level === 'error').length, 5);
  assert.equal(answer.items[1].error.code, 'no_workflow');

  for (const command of ['graph', 'plan']) {
    const refused = await hq('flow', command, 'wrong.yaml');
    assert.equal(refused.code, 2);
    assert.equal(refused.stdout, '');
    assert.match(refused.stderr, /wrong\.yaml:5:18/);
    const failure = await json('flow', command, 'wrong.yaml');
    assert.equal(failure.error.code, 'bad_workflow');
    assert.equal(failure.error.reports[0].findings.length, 5);
    assert.equal((await json('flow', command, 'nowhere')).error.code, 'no_workflow');
  }
});

test('a company around the file is looked at, wherever the command runs; a broken one is said to be', async (t) => {
  const { hq, json, dir } = example(t);
  writeFileSync(join(dir, 'workflows/odd.yaml'), good.replace('webster', 'webstre').replace('role:engineer', 'role:enginere'));
  const odd = await hq('flow', 'check', join('atomizer', 'workflows', 'odd.yaml'));
  assert.equal(odd.code, 2);
  assert.match(odd.stdout, /atomizer\/workflows\/odd\.yaml:3:\d+: .*webstre[^]*did you mean "webster"/);
  assert.match(odd.stdout, /enginere/);
  const list = await hq('-C', dir, 'flow', 'list');
  assert.match(list.stdout, /^odd {23}- {2}wrong: 2 errors; see: hq flow check odd$/m);
  const all = await json('-C', dir, 'flow', 'check');
  assert.equal(all.code, 2);
  assert.deepEqual(all.items.map(({ ok }) => ok), [true, true, true, true, false, true]);
  writeFileSync(join(dir, 'hq.yaml'), 'agents: [\n');
  const broken = await hq('flow', 'check', join('atomizer', 'workflows', 'odd.yaml'));
  assert.equal(broken.code, 0, broken.stdout);
  assert.match(broken.stderr, /hq\.yaml has errors \(hq config validate\): agents, .* not looked at/);
});

test('plan calls bound only what is held to, counts tries, rounds and expiries, and leaves out what inputs decide', async (t) => {
  const { hq, json, dir } = example(t);
  const study = await json('-C', dir, 'flow', 'plan', 'material-trade-study');
  assert.equal(study.cost_micro_usd, 5000000);
  assert.equal(study.cost_by, 'budget.usd');
  assert.equal(study.wall_ms, 2 * 86400000);
  assert.equal(study.items.find(({ step }) => step === 'choice').rounds, 3);
  assert.equal(study.items.find(({ step }) => step === 'release').wall_ms, 86400000);
  assert.equal(study.items.find(({ step }) => step === 'plan').cost_micro_usd, null);
  assert.equal(study.longest_path, 'plan → properties → choice → audit → revision → audit-again → release → report');
  const text = await hq('-C', dir, 'flow', 'plan', 'design-review');
  assert.match(text.stdout, /^Tokens {2}not bounded$/m);
  assert.match(text.stdout, /^open: nothing bounds it but the budget of the whole/m);
  const short = await json('-C', dir, 'flow', 'plan', 'quick-research', '-i', 'question=why', '-i', 'audit=false');
  assert.equal(short.code, 0);
  const bad = await json('-C', dir, 'flow', 'plan', 'quick-research', '-i', 'audit=maybe');
  assert.equal(bad.code, 2);
  assert.match(bad.error.message, /maybe/);
});

test('names in pictures for other programs stay labels', async (t) => {
  const { hq } = folder(t, {
    'odd.yaml': `name: odd
steps:
  a: { agent: x, task: t, title: 'Say "hi"]; evil [label="x' }
  b: { agent: x, task: t, needs: [a], title: '<script>alert(1)</script> {{x}} & #quot;' }
`,
  });
  const dot = await hq('flow', 'graph', 'odd.yaml', '--format', 'dot');
  assert.equal(dot.stdout, `digraph "odd" {
  rankdir=TB;
  node [shape=box];
  s0 [label="a\\nSay \\"hi\\"]; evil [label=\\"x\\nx"];
  s1 [label="b\\n<script>alert(1)</script> {{x}} &amp; #quot;\\nx"];
  s0 -> s1;
}
`);
  const mermaid = await hq('flow', 'graph', 'odd.yaml', '--format', 'mermaid');
  assert.equal(mermaid.stdout, `flowchart TD
  s0["a<br/>Say #34;hi#34;#93;#59; evil #91;label=#34;x<br/>x"]
  s1["b<br/>#60;script#62;alert#40;1#41;#60;/script#62; #123;#123;x#125;#125; #38; #35;quot#59;<br/>x"]
  s0 --> s1
`);
  const svg = await hq('flow', 'graph', 'odd.yaml', '--format', 'svg');
  assert.equal(svg.code, 2);
  assert.match(svg.stderr, /"svg" is not text, dot or mermaid/);
});

test('10,000 steps are checked, listed by layers and planned', async (t) => {
  const lines = ['name: large', 'defaults: { timeout: 1m, retry: { attempts: 1 } }', 'steps:'];
  for (let i = 0; i < 10000; i++) {
    const needs = i < 100 ? '' : `, needs: [s${i - 100}, s${i - 100 + ((i * 7) % 90)}]`;
    lines.push(`  s${i}: { agent: x, task: t${needs.replace(/\[(\w+), \1\]/, '[$1]')} }`);
  }
  const { hq, json } = folder(t, { 'large.yaml': `${lines.join('\n')}\n` });
  const check = await hq('flow', 'check', 'large.yaml');
  assert.equal(check.code, 0, check.stdout);
  const graph = await hq('flow', 'graph', 'large.yaml');
  assert.equal(graph.stdout.trimEnd().split('\n').length, 10000);
  assert.match(graph.stdout, /^ {3}1 {2}○ s0 +x\n {6}○ s1 /);
  const plan = await json('flow', 'plan', 'large.yaml');
  assert.equal(plan.items.length, 10000);
  assert.ok(plan.path_ms >= 100 * 60000);
  assert.ok(plan.longest_path.length < 400);
});

test('without UTF-8 the picture is ASCII', async (t) => {
  const { dir } = folder(t, { 'good.yaml': good });
  const { stdout } = await run(binary, ['-q', 'flow', 'graph', 'good.yaml'], { cwd: dir, env: { ...UTF8, LC_ALL: 'C' } });
  assert.equal(stdout, `o cte       o mesh
| webster   | nx-expert
+-----------'
o review
| auditor
? gate
  role:engineer decides
`);
});

test('the JSON Schema for editors knows every key of the sample workflows', async (t) => {
  const { hq } = folder(t);
  const { code, stdout } = await hq('flow', 'check', '--schema');
  assert.equal(code, 0);
  const schema = JSON.parse(stdout);
  assert.match(schema.$schema, /json-schema\.org\/draft\/2020-12/);
  for (const key of ['name', 'inputs', 'budget', 'steps', 'on_failure', 'output']) assert.ok(schema.properties[key], key);
});
