// Gates of workflows in the inbox: decided once, by whom they ask for, on the bytes that were shown.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, rules, until } from './company.mjs';

const script = [
  { when: { user: '/draft it.*Say it shorter/' }, say: 'short draft' },
  { when: { user: 'draft it' }, say: 'a long \u001b[2Jdraft' },
  ...rules,
];

// A workflow with one gate; `approve` are its keys.
const release = (approve) => `name: release
inputs: { what: { type: string, required: true } }
steps:
  draft: { agent: manager, task: "draft it" }
  gate:
    needs: [draft]
    approve: ${JSON.stringify({ title: 'Release ${{ inputs.what }}', show: '${{ steps.draft.output }}', ...approve })}
  publish: { needs: [gate], agent: tech-lead, task: "echo:published" }
  tell: { needs: [publish], agent: tech-lead, task: "echo:told" }
output: { published: "\${{ steps.publish.output }}" }
`;

async function open(t, approve) {
  const company = await Company.open(t, {
    agents: 2, script, up: false,
    change(config) {
      config.people = { lea: { roles: ['legal'], local: true }, eve: { roles: ['lead'] }, max: { roles: ['lead', 'legal'] } };
    },
  });
  mkdirSync(join(company.dir, 'workflows'), { recursive: true });
  writeFileSync(join(company.dir, 'workflows/release.yaml'), release(approve));
  await company.up();
  return company;
}

async function start(company, what = 'report') {
  const { code, stdout, stderr } = await company.hq('flow', 'run', 'release', '-i', `what=${what}`, '--no-wait', '--json');
  assert.ok(code === 0 || code === 6, stderr); // 6: it waits for a person already
  return JSON.parse(stdout).run.id;
}

const inbox = async (company, ...args) => (await company.hq('inbox', 'list', '--json', ...args)).json.items;
const gate = (company, run, known = []) => until('the gate waits', async () => (await inbox(company)).find((item) => item.run === run && !known.includes(item.id)));

async function ended(company, id, state) {
  const run = await until(`the run is ${state}`, async () => {
    const { json } = await company.api('GET', `/v1/runs/${id}`);
    return ['done', 'failed', 'rejected', 'cancelled'].includes(json.run.state) && json.run;
  });
  assert.equal(run.state, state, JSON.stringify(run));
  return run;
}

const say = (company, as, ...args) => company.hq('inbox', ...args, '--as', as);

test('a gate shows what is decided and what follows; yes lets the run go on', async (t) => {
  const company = await open(t, { by: ['role:lead'] });
  const run = await start(company);
  const item = await gate(company, run);
  assert.deepEqual([item.kind, item.step, item.title, item.yours, item.asked_by], ['gate', 'gate', 'Release report', false, 'lea']);
  const shown = (await say(company, 'eve', 'show', item.id)).stdout;
  assert.match(shown, /^g-\S+ {2}a gate of a workflow, waits for you$/m);
  assert.match(shown, /^who may +role:lead$/m);
  assert.match(shown, /^ {4}a long \uFFFD\[2Jdraft$/m, 'text of agents moves no cursor');
  assert.match(shown, /^approve +next: publish \(tech-lead\); 2 steps in all wait behind it$/m);
  assert.match(shown, /^reject +publish \(tech-lead\) does not run;/m);
  assert.doesNotMatch(shown, /^changes/m, 'no step is named that could run again');
  for (const line of shown.split('\n')) assert.ok([...line].length <= 80, line);
  const raw = (await say(company, 'eve', 'show', item.id, '--raw')).stdout;
  const hash = createHash('sha256').update(raw).digest('hex');
  assert.ok(shown.includes(`sha256      ${hash}`));
  assert.equal(JSON.parse(raw).show, 'a long \u001b[2Jdraft');

  const mine = await company.hq('inbox', 'approve', item.id);
  assert.equal(mine.code, 4, 'lea is no lead');
  assert.equal((await say(company, 'eve', 'changes', item.id, '-m', 'shorter')).code, 2, 'nothing can run again');
  assert.equal((await say(company, 'eve', 'approve', item.id, '--hash', 'ffffffff')).code, 1);
  assert.equal((await say(company, 'eve', 'approve', item.id, '--hash', hash.slice(0, 8))).code, 0);
  const { output } = await ended(company, run, 'done');
  assert.deepEqual(output, { published: 'echo published' });
  const late = await say(company, 'max', 'reject', item.id, '-m', 'no');
  assert.equal(late.code, 1);
  assert.match(late.stderr, /Already decided: approved by eve, \d\d:\d\d, via cli/);
  await company.check();
});

test('no, with a reason, rejects the run', async (t) => {
  const company = await open(t, { by: ['role:lead'] });
  const run = await start(company);
  const item = await gate(company, run);
  assert.equal((await say(company, 'max', 'reject', item.id)).code, 2);
  const said = await say(company, 'max', 'reject', item.id, '-m', 'Numbers are wrong.', '--json');
  assert.deepEqual([said.code, said.json.item.state, said.json.item.decided_by, said.json.item.feedback], [0, 'rejected', 'max', 'Numbers are wrong.']);
  const { steps } = await ended(company, run, 'rejected');
  assert.equal(steps.publish.state, 'not_run');
  await company.check();
});

test('changes are asked for: the step runs again with the words, and the gate asks anew', async (t) => {
  const company = await open(t, { by: ['role:lead'], rerun: 'draft' });
  const run = await start(company);
  const first = await gate(company, run);
  assert.equal((await say(company, 'eve', 'changes', first.id, '-m', 'Say it shorter.')).code, 0);
  const second = await gate(company, run, [first.id]);
  const { subject } = (await company.hq('inbox', 'show', second.id, '--json')).json.item;
  assert.deepEqual([JSON.parse(subject).show, JSON.parse(subject).feedback], ['short draft', 'Say it shorter.']);
  assert.equal((await say(company, 'eve', 'approve', first.id)).code, 1, 'the first is over');
  assert.equal((await say(company, 'eve', 'approve', second.id)).code, 0);
  await ended(company, run, 'done');
  await company.check();
});

test('votes of different people, and four eyes', async (t) => {
  const company = await open(t, { by: ['role:legal', 'person:eve'], votes: 2, four_eyes: true });
  const run = await start(company);
  const item = await gate(company, run);
  assert.equal(item.yours, false, 'lea started it');
  assert.match((await company.hq('inbox', 'show', item.id)).stdout, /who may +role:legal, person:eve; 2 votes; not who started it/);
  const own = await company.hq('inbox', 'approve', item.id);
  assert.equal(own.code, 4);
  assert.match(own.stderr, /lea started this and may not decide it/);
  assert.equal((await say(company, 'lea', 'approve', item.id)).code, 4, 'by name, too');
  const one = await say(company, 'eve', 'approve', item.id);
  assert.equal(one.stdout, `${item.id}: your vote counts, 1 of 2\n`);
  assert.equal((await say(company, 'eve', 'approve', item.id)).code, 1, 'once each');
  await company.killAll();
  await company.up();
  assert.equal((await say(company, 'max', 'approve', item.id)).stdout, `${item.id} approved by eve, max\n`);
  await ended(company, run, 'done');
  await company.check();
});

test('a form is asked for, and its answer reaches the run', async (t) => {
  const company = await open(t, { form: { type: 'object', properties: { usd: { type: 'number', minimum: 0 } }, required: ['usd'] } });
  const run = await start(company);
  const item = await gate(company, run);
  assert.equal(item.yours, true, 'nobody is named: anybody of the people');
  const bare = await company.hq('inbox', 'approve', item.id);
  assert.equal(bare.code, 2, bare.stderr);
  const wrong = await company.hq('inbox', 'approve', item.id, '--answer', '{"usd":-1}');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /does not fit the form/);
  assert.equal((await company.hq('inbox', 'approve', item.id, '--answer', '-', { input: '{"usd": 4.5}' })).code, 0);
  const { steps } = await ended(company, run, 'done');
  assert.deepEqual(steps.gate.output.answer, { usd: 4.5 });
  await company.check();
});

test('a gate expires while the hub is down: a yes comes too late', async (t) => {
  const company = await open(t, { expires: '2s' });
  const expired = await start(company, 'expired');
  const first = await until('the gate waits, or did', async () => (await inbox(company, '--all')).find((item) => item.run === expired));
  assert.equal((await company.hq('down')).code, 0);
  await until('its time is over', () => Date.now() > Date.parse(first.expires_at) + 50);
  await company.up();
  const late = await company.hq('inbox', 'approve', first.id);
  assert.equal(late.code, 1);
  assert.match(late.stderr, /expired at .*expiry never approves/);
  assert.equal((await ended(company, expired, 'rejected')).steps.publish.state, 'not_run');
  await company.check();
});

test('a yes and a cancel, a yes and another yes at the same moment', async (t) => {
  const company = await open(t, { expires: '1h' });
  for (let i = 0; i < 5; i++) {
    const run = await start(company, `race ${i}`);
    const item = await gate(company, run);
    const [yes, cancel] = await Promise.all([company.hq('inbox', 'approve', item.id), company.hq('flow', 'cancel', run)]);
    assert.ok(yes.code === 0 || /no longer asked/.test(yes.stderr), JSON.stringify(yes));
    const { state } = await until('it ended', async () => {
      const { json } = await company.api('GET', `/v1/runs/${run}`);
      return ['done', 'cancelled'].includes(json.run.state) && json.run;
    });
    assert.equal(state, cancel.code === 0 ? 'cancelled' : 'done', JSON.stringify([yes, cancel]));

    const twice = await start(company, `twice ${i}`);
    const both = await gate(company, twice);
    const said = await Promise.all(['eve', 'max'].map((name) => say(company, name, 'approve', both.id)));
    assert.deepEqual(said.map((one) => one.code).sort(), [0, 1], JSON.stringify(said));
    await ended(company, twice, 'done');
  }
  await company.check();
});
