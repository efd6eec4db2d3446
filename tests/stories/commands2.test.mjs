// The commands around delegation: ask with all its parts, routing, waiting, trees, usage, the seed's
// scripts as links, and all of that from inside an agent's exec.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, binary, run, rules, until } from './company.mjs';

const capable = (config) => {
  config.agents.manager.delegates = ['*'];
  config.agents.webster.capabilities = ['research', 'literature'];
  config.agents.auditor.capabilities = ['audit'];
};
// What a command in backquotes says is for the command, not for the rules.
const script = [rules.find((rule) => rule.when?.user?.startsWith('/sh:')), ...rules];
const team = { agents: ['manager', 'webster', 'auditor'], change: capable, script };

// The seed's scripts, as links to the binary.
function links(company) {
  const folder = join(company.dir, 'bin');
  mkdirSync(folder);
  for (const name of ['delegate.sh', 'orchestrate.sh']) symlinkSync(binary, join(folder, name));
  return (name, ...args) => {
    const options = typeof args.at(-1) === 'object' ? args.pop() : {};
    return run(join(folder, name), args, { ...options, cwd: company.dir, env: { HQ_DIR: company.dir, ...options.env } });
  };
}

test('ask carries context, schema, budget, tools, priority and deadline into the task', async (t) => {
  const company = await Company.open(t, team);
  writeFileSync(join(company.dir, 'notes.md'), 'wall 2.4 mm\n');
  writeFileSync(join(company.dir, 'more.txt'), 'second\n');
  writeFileSync(join(company.dir, 'schema.json'), '{"type":"string"}');
  const { code, task } = await company.ask('webster', 'echo:parts', '--context', join(company.dir, 'notes.md'), '--context', join(company.dir, 'more.txt'),
    '--schema', join(company.dir, 'schema.json'), '--tools', 'read, write', '--priority', '1', '--deadline', '5m');
  assert.equal(code, 0);
  const { task: row } = await company.task(task.id);
  assert.deepEqual(row.data.map(({ name, text }) => [name, text]), [['notes.md', 'wall 2.4 mm\n'], ['more.txt', 'second\n']]);
  assert.deepEqual(row.result_schema, { type: 'string' });
  assert.deepEqual(row.grant.tools, ['read', 'write']);
  assert.equal(row.priority, 1);
  assert.ok(row.deadline_at);
  await company.check();
});

test('what ask cannot carry is exit 2 with the value seen, and makes no task', async (t) => {
  const company = await Company.open(t, team);
  const file = (name, content) => (writeFileSync(join(company.dir, name), content), join(company.dir, name));
  const cases = [
    [['--context', join(company.dir, 'nowhere.md')], /nowhere\.md/],
    [['--context', company.dir], /directory/i],
    [['--context', file('large.txt', 'x'.repeat((1 << 20) + 1))], /more than \d+ bytes/],
    [['--context', file('binary', Buffer.from([0x66, 0xff, 0xfe]))], /not text/],
    [['--schema', file('broken.json', '{"type":')], /broken\.json/],
    [['--schema', file('list.json', '[]')], /no JSON object/],
    [['--budget', '-1'], /"-1"/], [['--budget', '0'], /"0"/], [['--budget', '1e9'], /"1e9"/], [['--budget', '0.1234567'], /0\.1234567/],
    [['--priority', '7'], /7/], [['--deadline', 'soon'], /soon/], [['--deliver', ':x'], /":x"/], [['--deliver', 'webhook:nowhere'], /"webhook:nowhere"/],
    [['--capability', 'research'], /instead of AGENT "webster"/],
  ];
  for (const [options, expected] of cases) {
    const result = await company.hq('ask', 'webster', 'echo:x', ...options);
    assert.equal(result.code, 2, `${options}: ${result.stdout}${result.stderr}`);
    assert.match(result.stderr, expected);
  }
  assert.equal((await company.api('GET', '/v1/tasks')).json.items.length, 0);
});

test('a capability or "auto" finds who is able; route says why and sends nothing', async (t) => {
  const company = await Company.open(t, team);
  const route = await company.hq('route', 'please do some research in the literature', '--json');
  assert.equal(route.code, 0, route.stderr);
  assert.equal(route.json.chosen, 'webster');
  assert.equal(route.json.schema_version, 1);
  const shown = await company.hq('route', '--capability', 'audit');
  assert.match(shown.stdout, /auditor would be asked/);
  const nobody = await company.hq('route', '--capability', 'welding');
  assert.equal(nobody.code, 1);
  assert.match(nobody.stdout, /welding/);
  assert.equal((await company.hq('route')).code, 2);
  assert.equal((await company.api('GET', '/v1/tasks')).json.items.length, 0);
  const able = await company.hq('ask', '--capability', 'audit', 'echo:able', '--json');
  assert.equal(able.json.task.agent, 'auditor');
  const auto = await company.ask('auto', 'echo:research-in-literature research');
  assert.equal(auto.task.agent, 'webster');
  const none = await company.hq('ask', '--capability', 'welding', 'echo:x');
  assert.equal(none.code, 2);
  assert.match(none.stderr, /welding/);
});

test('wait: all, any, a failure among them, and time that runs out', async (t) => {
  const company = await Company.open(t, team);
  const ask = async (agent, text) => (await company.hq('ask', agent, text, '--no-wait')).stdout.trim();
  const [quick, slow, bad] = [await ask('webster', 'echo:quick'), await ask('auditor', 'forever'), await ask('manager', 'refuse me')];
  const any = await company.hq('task', 'wait', '--any', slow, quick, '--json');
  assert.equal(any.code, 0);
  assert.deepEqual(any.json.items.map((item) => item.id), [quick]);
  const all = await company.hq('task', 'wait', quick, bad);
  assert.equal(all.code, 1);
  assert.match(all.stdout, /done .*webster.*\n.*failed .*manager/);
  const late = await company.hq('task', 'wait', quick, slow, '--timeout', '100ms');
  assert.equal(late.code, 124);
  assert.equal((await company.hq('task', 'wait', '--any', slow, '--timeout', '100ms')).code, 124);
  assert.equal((await company.hq('task', 'wait', 't-nowhere')).code, 2);
  assert.equal((await company.hq('task', 'wait', '--any', 't-nowhere', slow)).code, 2);
  assert.equal((await company.hq('task', 'cancel', slow)).code, 0);
  await company.check();
});

test('reassign puts a new task in the place of one that hangs; a note stays beside it', async (t) => {
  const company = await Company.open(t, team);
  const slow = (await company.hq('ask', 'webster', 'forever', '--no-wait')).stdout.trim();
  assert.equal((await company.hq('task', 'note', slow, 'asked twice by the customer')).code, 0);
  const shown = await company.hq('task', 'show', slow);
  assert.match(shown.stdout, /note .*operator: asked twice by the customer/);
  assert.equal((await company.hq('task', 'show', slow, '--json')).json.task.notes[0].text, 'asked twice by the customer');
  const moved = await company.hq('task', 'reassign', slow, 'auditor', '--json');
  assert.equal(moved.code, 0, moved.stdout);
  assert.equal(moved.json.task.agent, 'auditor');
  assert.notEqual(moved.json.task.id, slow);
  await until('the old one has ended', async () => (await company.task(slow)).task.state === 'cancelled');
  const wrong = await company.hq('task', 'reassign', moved.json.task.id, 'audtor');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /did you mean auditor/i);
  await company.hq('task', 'cancel', moved.json.task.id);
  await company.check();
});

test("delegate.sh and orchestrate.sh keep the seed's options and meanings", async (t) => {
  const company = await Company.open(t, team);
  const link = links(company);
  const sent = await link('delegate.sh', 'webster', 'echo:sent', '--no-deliver');
  assert.equal(sent.code, 0, sent.stderr);
  assert.equal(sent.json.ok, true);
  await until('done', async () => (await company.task(sent.json.runId)).task.state === 'done');
  const posted = await link('delegate.sh', 'webster', 'echo:posted', '--channel', '123', '--deliver');
  assert.deepEqual((await company.task(posted.json.runId)).task.deliver, { channel: 'discord', to: 'channel:123' });

  mkdirSync(join(company.dir, 'handoffs'));
  writeFileSync(join(company.dir, 'brief.md'), 'the brief\n');
  const whole = await link('orchestrate.sh', 'webster', 'echo:whole', '--wait', '--timeout', '60', '--format', 'json', '--context', 'brief.md', '--no-deliver',
    '--run-id', 'run-1', '--retries', '2', '--validate', '--workflow-id', 'w1', '--step-id', 's1', '--caller', 'auditor', '--handoff-dir', 'handoffs');
  assert.equal(whole.code, 0, whole.stderr);
  const form = whole.json;
  assert.equal(form.schema_version, 1);
  assert.equal(form.label, 'run-1');
  assert.match(form.run_id, /^t-\w+\/1$/);
  assert.equal(form.status, 'complete');
  assert.equal(form.result, 'echo whole');
  assert.equal(form.agent, 'webster');
  assert.equal(form.caller, 'operator', '--caller grants nothing');
  assert.equal(form.workflow_id, 'w1');
  assert.equal(form.step_id, 's1');
  assert.deepEqual(readdirSync(join(company.dir, 'handoffs')), ['run-1.json']);
  assert.deepEqual(JSON.parse(readFileSync(join(company.dir, 'handoffs/run-1.json'), 'utf8')), form);
  const again = await link('orchestrate.sh', 'webster', 'echo:whole', '--context', 'brief.md', '--timeout', '60', '--no-deliver', '--run-id', 'run-1',
    '--workflow-id', 'w1', '--step-id', 's1', '--caller', 'auditor');
  assert.equal(again.code, 0, again.stderr);
  assert.equal(again.json.task, form.task, 'the same run id is the same run');
  const text = await link('orchestrate.sh', 'webster', 'echo:text', '--format', 'text');
  assert.equal(text.stdout, 'echo text\n');
  await company.check();
});

test('orchestrate.sh fails honestly: retries, timeout, channels, mistakes', async (t) => {
  const company = await Company.open(t, team);
  const link = links(company);
  const failed = await link('orchestrate.sh', 'manager', 'refuse me', '--retries', '2');
  assert.equal(failed.code, 1);
  assert.equal(failed.json.status, 'failed');
  assert.equal(failed.json.result ?? null, null, 'no result is made up');
  const tries = (await company.api('GET', '/v1/tasks')).json.items.length;
  assert.ok(tries === 3 || tries === 1, `${tries} tasks: a refusal is not repeated, a failure twice`);
  const late = await link('orchestrate.sh', 'webster', 'forever', '--timeout', '1', '--retries', '0');
  assert.equal(late.code, 124, late.stderr);
  assert.equal(late.json.failure.class, 'timeout');
  assert.equal(late.json.result, null);
  const twice = await link('orchestrate.sh', 'auditor', 'forever', '--timeout', '1', '--retries', '1', '--run-id', 'twice', '--handoff-dir', '.');
  assert.equal(twice.code, 124);
  assert.equal(twice.json.attempt, 2);
  assert.match(twice.stderr, /try 1 of 2 failed \(timeout/);
  const [second, first] = (await company.api('GET', '/v1/tasks?agent=auditor')).json.items;
  assert.ok(first.finished_at <= second.created_at, 'a try is over before the next begins');
  assert.equal(JSON.parse(readFileSync(join(company.dir, 'twice.json'), 'utf8')).task, second.id);
  const strict = await link('orchestrate.sh', 'manager', 'refuse me', '--validate', '--retries', '0');
  assert.equal(strict.code, 1);
  assert.ok(!/malformed/.test(strict.stderr), strict.stderr);
  const channel = await link('orchestrate.sh', 'webster', 'x', '--channel-context', '99', '--channel-messages', '20');
  assert.equal(channel.code, 2);
  assert.match(channel.stderr, /no channel configured/);
  for (const wrong of [['--retries', 'x'], ['--format', 'xml'], ['--run-id', '../x'], ['--run-id', '.x'], ['--timeout', '0'], ['--handoff-dir', 'nowhere'], ['--contxt', 'f'],
    ['--channel-messages', '31'], ['--context', 'nowhere']]) {
    const result = await link('orchestrate.sh', 'webster', 'x', ...wrong);
    assert.equal(result.code, 2, `${wrong}: ${result.stdout}${result.stderr}`);
  }
  assert.match((await link('orchestrate.sh', 'webster', 'x', '--contxt', 'f')).stderr, /--context/);
  assert.equal((await link('orchestrate.sh', 'nobody', 'x')).code, 2);
  assert.equal((await link('delegate.sh', 'webster')).code, 2);
  assert.match((await link('orchestrate.sh', '--help')).stdout, /usage: orchestrate\.sh/);
  await company.check();
});

test('every page of help fits into 80 columns', async (t) => {
  const pages = (await run(binary, ['help'])).stdout;
  assert.match(pages, /task tree ID[^]*LINKS[^]*orchestrate\.sh/);
  const wide = pages.split('\n').filter((line) => [...line].length > 80);
  assert.deepEqual(wide, []);
});

// ---- trees, chains, money ----

// manager asks webster and auditor at once; the auditor asks webster for something that takes long.
const family = [
  { when: { model: 'manager', user: 'family', step: 0 }, say: 'I split it.', call: [
    { tool: 'delegate', with: { agent: 'webster', instruction: 'echo:papers' } },
    { tool: 'delegate', with: { agent: 'auditor', instruction: 'audit this' } },
    { tool: 'delegate', with: { agent: 'tech-lead', instruction: 'refuse me' } }] },
  { when: { model: 'manager', user: 'family' }, say: 'together' },
  { when: { model: 'auditor', user: 'audit this', step: 0 }, say: 'I ask.', call: [
    { tool: 'delegate', with: { agent: 'webster', instruction: 'forever' } },
    { tool: 'delegate', with: { agent: 'manager', instruction: 'echo:up' } }] },
  { when: { model: 'auditor', user: 'audit this' }, say: 'audited' },
];
const household = {
  agents: ['manager', 'webster', 'auditor', 'tech-lead'], script: [...family, ...rules],
  agent: { tools: { allow: ['read', 'write', 'exec', 'delegate', 'report'] } },
  change: (config) => {
    config.models.demo.price = { in: 3, out: 15 };
    config.budget = { usd: 20, per: 'day' };
    config.agents.manager.delegates = ['*'];
    config.agents.auditor.delegates = ['webster'];
  },
};

test('tree, status, show and usage tell who waits for whom, what was refused and what it cost', async (t) => {
  const company = await Company.open(t, household);
  const id = (await company.hq('ask', 'manager', 'family', '--no-wait', '--budget', '2')).stdout.trim();
  const items = async () => (await company.hq('task', 'tree', id, '--json')).json.items;
  const state = async (agent, depth) => (await items()).find((item) => item.agent === agent && (item.depth ?? 0) === depth)?.state;
  await until('the chain stands', async () => (await state('webster', 2)) === 'working' && (await state('tech-lead', 1)) === 'failed' && (await state('webster', 1)) === 'done');

  const tree = await company.hq('task', 'tree', id.slice(0, 10), { env: { LC_ALL: 'C.UTF-8' } });
  assert.equal(tree.code, 0, tree.stderr);
  const lines = tree.stdout.split('\n');
  assert.match(lines[0], /^manager t-\S+ +waiting .*for auditor \(t-/);
  assert.match(tree.stdout, /├─ webster t-\S+ +done .*echo papers/);
  assert.match(tree.stdout, /├─ auditor t-\S+ +waiting .*for webster \(t-\S+\)\n│  └─ webster t-\S+ +working/);
  assert.match(tree.stdout, /└─ tech-lead t-\S+ +failed .*refused: /);
  assert.match(tree.stdout, /5 tasks, 3 open · \d+ model calls · \d+ tokens in, \d+ out · \$0\.\d+/);
  assert.match(tree.stdout, /left: \$1\.\d\d, /);
  assert.ok(lines.every((line) => [...line].length <= 80), tree.stdout);
  assert.ok(!tree.stdout.includes('\x1b'));
  const ascii = await company.hq('task', 'tree', id, { env: { LC_ALL: 'C', COLUMNS: '60' } });
  assert.ok(ascii.stdout.split('\n').every((line) => line.length <= 60 && /^[\x20-\x7e]*$/.test(line)), ascii.stdout);

  const status = await company.hq('status', '--json');
  assert.deepEqual(status.json.chains.map((chain) => chain.agents), [['manager', 'auditor', 'webster']]);
  assert.equal(status.json.budget.usd.limit, 20000000);
  const shown = await company.hq('status', { env: { LC_ALL: 'C.UTF-8' } });
  assert.match(shown.stdout, /wait chain: manager → auditor → webster/);
  assert.match(shown.stdout, /\$0\.\d+ of \$20 today/);
  assert.match(shown.stdout, /manager +waiting: auditor \(t-/);

  const auditor = (await items()).find((item) => item.agent === 'auditor');
  const detail = await company.hq('task', 'show', auditor.id);
  assert.match(detail.stdout, /asked others webster t-\S+ working: forever/);
  assert.match(detail.stdout, /refused +not_allowed: auditor may not delegate to manager/);
  assert.match(detail.stdout, /waits for +webster t-/);
  assert.equal((await company.hq('task', 'show', auditor.id, '--json')).json.task.refusals[0].code, 'not_allowed');

  for (const by of ['agent', 'model', 'task', 'day']) {
    const usage = await company.hq('usage', '--by', by, '--json');
    assert.equal(usage.json.by, by);
    assert.ok(usage.json.items.reduce((sum, item) => sum + item.calls, 0) >= 3, usage.stdout);
    assert.match((await company.hq('usage', '--by', by)).stdout, /CALLS[^]*\$0\.\d+/);
  }
  assert.equal((await company.hq('usage', '--since', '7d', '--json')).json.items.length, 3);
  const wrong = await company.hq('usage', '--by', 'agnet');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--by agent/);

  assert.equal((await company.hq('task', 'cancel', id)).code, 0);
  assert.equal((await company.hq('task', 'wait', id)).code, 1);
  await until('all of it ends', async () => (await items()).every((item) => ['done', 'failed', 'cancelled'].includes(item.state)));
  assert.equal((await company.hq('task', 'tree', 't-nowhere')).code, 2);
  await company.check();
});

// ---- inside an agent's exec ----

// A sanitizer's shadow does not fit into the address space that a command gets.
const fits = spawnSync('/bin/sh', ['-c', `ulimit -v ${64 << 20}; exec ${binary} version`]).status === 0;
const inside = { skip: fits ? false : 'this build of hq cannot run inside a command' };

const say = async (company, command) => {
  const { task } = await company.ask('manager', `sh:\`${command}\``);
  assert.equal(task.state, 'done', JSON.stringify(task.failure));
  return task.result.result;
};

test('inside an exec the commands act as that agent, without token or config', inside, async (t) => {
  const company = await Company.open(t, team);
  const asked = await say(company, 'hq ask webster echo:inside');
  assert.match(asked, /echo inside/);
  const child = (await company.api('GET', '/v1/tasks?agent=webster')).json.items[0];
  assert.equal(child.caller, 'agent:manager');
  assert.equal(child.kind, 'delegation');
  assert.ok(child.parent, 'it hangs below the turn that ran the command');
  assert.match(await say(company, 'orchestrate.sh webster echo:whole --run-id r7 --handoff-dir . --caller auditor >/dev/null && cat r7.json'), /"caller": "agent:manager"/);
  assert.match(await say(company, 'delegate.sh auditor echo:sent'), /"ok":true/);
  assert.match(await say(company, 'hq agent list'), /webster/);
  assert.match(await say(company, 'hq route --capability research'), /webster would be asked/);
  assert.match(await say(company, 'id=$(hq ask webster echo:w --no-wait); hq task wait $id && hq task show $id && hq task list'), /echo w/);
  await company.check();
});

test('inside an exec what is for people is refused, and authority holds', inside, async (t) => {
  const company = await Company.open(t, team);
  for (const command of ['hq status', 'hq up -d', 'hq task retry t-x', 'hq task note t-x hello', 'hq usage', 'hq logs'])
    assert.match(await say(company, `${command}; echo code $?`), /is for people[^]*code 4/, command);
  const { task } = await company.ask('webster', 'sh:`hq ask auditor echo:x; echo code $?; orchestrate.sh auditor x --caller manager; echo code $?`');
  assert.match(task.result.result, /code [14][^]*code [14]/);
  assert.equal((await company.api('GET', '/v1/tasks?agent=auditor')).json.items.length, 0);
  assert.match(await say(company, 'hq ask webster x --budget 5; echo code $?'), /--budget is not open[^]*code 2/);
  assert.match(await say(company, 'HQ_TASK_FD=77 hq ask webster x; echo code $?'), /not the channel[^]*code 4/);
  await company.check();
});
