// Agents ask people: the question waits without a thread, survives the death of everything, is answered
// once, by a person, and by nobody else.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, binary, processesOf, rules, until } from './company.mjs';
import { Receiver, deliverTo, secretsOf } from './receiver.mjs';

const question = (more = {}) => [{ tool: 'ask_human', with: { question: 'Which colour for {{1}}?\nIt cannot be changed later.', ...more } }];

const script = [
  { when: { user: '/free:([a-z0-9]+)/', step: 0 }, call: question() },
  { when: { user: '/paint:([a-z0-9]+)/', step: 0 }, call: question({ options: ['red', 'blue'], context: 'The client saw both.' }) },
  { when: { user: '/lead:([a-z0-9]+)/', step: 0 }, call: question({ to: 'role:lead' }) },
  { when: { user: '/short:([a-z0-9]+)/', step: 0 }, call: question({ expires: '1s' }) },
  { when: { user: '/nobody:([a-z0-9]+)/', step: 0 }, call: question({ to: 'person:nobody' }) },
  { when: { user: '/both:([a-z0-9]+)/', step: 0 }, call: [...question(), { tool: 'exec', with: { command: 'echo {{1}} >> both.txt; echo done' } }] },
  { when: { user: '/chain:([a-z0-9]+)/', step: 0 }, call: [{ tool: 'delegate', with: { agent: 'tech-lead', instruction: 'free:{{1}}' } }] },
  { when: { tool: ['delegate'] }, say: 'heard of it' },
  { when: { tool: ['ask_human'] }, say: 'told: {{tool_result}}' },
  ...rules,
];

function open(t, options = {}) {
  return Company.open(t, {
    script,
    ...options,
    change(config) {
      config.people = { lea: { roles: ['legal'], local: true }, eve: { roles: ['lead'] }, max: { roles: ['lead'] } };
      for (const agent of Object.values(config.agents)) agent.tools = { allow: ['exec', 'ask_human'], ...options.tools };
      options.change?.(config);
    },
  });
}

async function asked(company, text, agent = 'manager') {
  const { json, stderr } = await company.hq('ask', agent, text, '--no-wait', '--json');
  assert.ok(json?.task, stderr);
  return json.task.id;
}

const inbox = async (company, ...args) => (await company.hq('inbox', 'list', '--json', ...args)).json.items;

// The one item that waits, once the task that asked is parked behind it.
async function waiting(company, id) {
  return until('the question waits', async () => {
    const { task } = await company.task(id);
    const item = (await inbox(company)).find((one) => one.task === id);
    return task.state === 'waiting' && item;
  });
}

async function ended(company, id) {
  const json = await company.ended(id);
  assert.equal(json.task.state, 'done', JSON.stringify(json));
  return json.handoff.result;
}

test('a question waits for a person; the answer is what the tool returns', async (t) => {
  const company = await open(t);
  const id = await asked(company, 'paint:mirror');
  const item = await waiting(company, id);
  assert.match(item.id, /^g-[0-9a-z]{8}$/);
  assert.deepEqual([item.kind, item.title, item.requester, item.yours], ['question', 'Which colour for mirror?', 'agent:manager', true]);

  const status = (await company.hq('status')).stdout;
  assert.match(status, /1 needs you (→|->) hq inbox/);
  assert.match(status, new RegExp(`waiting: you \\(${item.id.slice(0, 6)} Which col`));
  for (const line of status.split('\n')) assert.ok(line.length <= 80, line);
  assert.match((await company.hq('inbox')).stdout, new RegExp(`${item.id} +manager +you .*Which`));
  assert.equal((await company.hq('inbox', '-q')).stdout, `${item.id}\n`);

  const short = item.id.slice(2, 6);
  const shown = await company.hq('inbox', 'show', short);
  assert.match(shown.stdout, /Which colour for mirror\?\n +It cannot be changed later\./);
  assert.match(shown.stdout, /The client saw both\./);
  assert.match(shown.stdout, /1\. red\n +2\. blue/);
  assert.match(shown.stdout, /expires +in /);
  const full = (await company.hq('inbox', 'show', short, '--json')).json.item;
  const raw = (await company.hq('inbox', 'show', short, '--raw')).stdout;
  assert.equal(raw, full.subject);
  const { createHash } = await import('node:crypto');
  assert.equal(createHash('sha256').update(raw).digest('hex'), full.subject_hash);

  const other = await company.hq('inbox', 'answer', short, 'red', '--hash', '0123456789ab');
  assert.equal(other.code, 1);
  assert.match(other.stderr, /asks about other bytes/);
  assert.equal((await company.hq('inbox', 'approve', short)).code, 2, 'a question is answered');
  const wrong = await company.hq('inbox', 'answer', short, 'green');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /one of/);
  const said = await company.hq('inbox', 'answer', short, '2', '--hash', full.subject_hash.slice(0, 12));
  assert.equal(said.code, 0, said.stderr);
  assert.equal(said.stdout, `${item.id} answered by lea\n`);
  assert.equal(await ended(company, id), 'told: blue');

  const late = await company.hq('inbox', 'answer', short, '1');
  assert.equal(late.code, 1);
  assert.match(late.stderr, /Already decided: answered by lea, \d\d:\d\d, via cli/);
  assert.match((await company.hq('inbox')).stderr, /nothing waits/);
  assert.match((await company.hq('inbox', '--all')).stdout, /answered/);
  assert.match((await company.hq('inbox', 'show', short)).stdout, /decided +answered by lea, .* ago, via cli/);
  assert.equal((await company.hq('inbox', 'show', 'g-nothing')).code, 2);
  await company.check();
});

test('nobody answers: the agent is told so, and no try is lost', async (t) => {
  const company = await open(t);
  const id = await asked(company, 'short:mirror');
  assert.match(await ended(company, id), /told: Nobody answered in time/);
  const { task } = await company.task(id);
  assert.equal(task.tries, 0);
  const [item] = await inbox(company, '--all');
  assert.equal(item.state, 'expired');
  const late = await company.hq('inbox', 'answer', item.id, 'red');
  assert.equal(late.code, 1);
  assert.match(late.stderr, /expired at .*never approves/);
  await company.check();
});

test('who is not there is not asked, and the agent is told whom it may ask', async (t) => {
  const company = await open(t);
  const { task } = await company.ask('manager', 'nobody:mirror');
  assert.match(task.result.result, /There is no person:nobody to ask.*person:lea, person:eve, person:max/);
  assert.deepEqual(await inbox(company, '--all'), []);
});

test('only who is asked may answer, and of two who answer at once one is first', async (t) => {
  const company = await open(t);
  const id = await asked(company, 'lead:mirror');
  const item = await waiting(company, id);
  assert.equal(item.yours, false, 'lea has no say in it');
  const status = (await company.hq('status')).stdout;
  assert.doesNotMatch(status, /need.* you/);
  assert.match(status, /waiting: lead \(g-/);
  const mine = await company.hq('inbox', 'answer', item.id, 'red');
  assert.equal(mine.code, 4);
  assert.match(mine.stderr, /person:lea is not among who decides/);
  assert.equal((await company.hq('inbox', 'answer', item.id, 'red', '--as', 'evee')).code, 2, 'a typing error is no person');

  const both = await Promise.all(['eve', 'max'].map((name) => company.hq('inbox', 'answer', item.id, `from ${name}`, '--as', name)));
  assert.deepEqual(both.map((one) => one.code).sort(), [0, 1], JSON.stringify(both));
  const winner = both[0].code === 0 ? 'eve' : 'max';
  const loser = both.find((one) => one.code === 1);
  assert.match(loser.stderr, new RegExp(`Already decided: answered by ${winner}, \\d\\d:\\d\\d, via cli`));
  assert.equal(await ended(company, id), `told: from ${winner}`);
  await company.check();
});

test('a chain of agents that wait ends in a person', async (t) => {
  const company = await open(t, { agents: 2, tools: { allow: ['delegate', 'ask_human'] }, change: (config) => (config.agents.manager.delegates = ['*']) });
  const id = await asked(company, 'chain:mirror');
  const item = await until('the question waits', async () => (await inbox(company))[0]);
  assert.equal(item.asked_by, 'tech-lead');
  const chain = await until('both wait', async () => /^wait chain: .*$/m.exec((await company.hq('status')).stdout)?.[0]);
  assert.equal(chain.replaceAll('->', '→'), 'wait chain: manager → tech-lead → you');
  assert.equal((await company.hq('inbox', 'answer', item.id, 'red')).code, 0);
  assert.equal(await ended(company, id), 'heard of it');
  await company.check();
});

test('an agent answers nothing: not with its token, not from its commands', async (t) => {
  const company = await open(t, { agents: 2 });
  const id = await asked(company, 'free:mirror');
  const item = await waiting(company, id);
  for (const name of ['manager', 'tech-lead', 'manager.hooks', 'runner']) {
    const answer = await company.api('POST', `/v1/inbox/${item.id}`, { decision: 'answered', answer: 'forged' }, company.token(name));
    assert.equal(answer.status, 403, `${name}: ${answer.text}`);
    assert.equal(answer.json.error.code, 'not_allowed');
    assert.equal((await company.api('GET', '/v1/inbox', undefined, company.token(name))).status, 403);
  }
  const { json } = await company.api('GET', '/v1/events?stream=system&limit=1000');
  const refusals = json.items.filter((event) => event.type === 'access.refused' && /inbox/.test(event.body.path));
  assert.deepEqual(new Set(refusals.map((event) => event.actor)), new Set(['agent:manager', 'agent:tech-lead', 'outside:manager', 'runner']));

  const fits = spawnSync('/bin/sh', ['-c', `ulimit -v ${64 << 20}; exec ${binary} version`]).status === 0;
  if (fits) {
    const inside = await company.ask('tech-lead', `sh:\`hq inbox answer ${item.id} forged; echo code $?\``);
    assert.match(inside.task.result.result, /code [1-9]/);
  }
  assert.equal((await company.api('GET', `/v1/inbox/${item.id}`)).json.item.state, 'pending');
  assert.equal((await company.hq('inbox', 'answer', item.id, 'green')).code, 0);
  assert.equal(await ended(company, id), 'told: green');
});

test('everything is killed while the question waits; then it is answered', async (t) => {
  const company = await open(t);
  const id = await asked(company, 'both:mirror');
  const item = await waiting(company, id);
  await company.killAll();
  await company.up();
  assert.equal((await inbox(company))[0].id, item.id, 'the same question, asked once');
  company.kill('hub');
  const answer = 'with a "quote", a\nsecond line and ümlauts';
  const said = await company.hq('inbox', 'answer', item.id, '-', { input: answer });
  assert.equal(said.code, 0, said.stderr);
  assert.match(await ended(company, id), /^result: done|^told: with a "quote"/);
  const { task, calls } = await company.task(id);
  assert.equal(task.tries, 0);
  assert.equal(calls.find((call) => call.name === 'ask_human').response.text, answer);
  assert.equal(readFileSync(join(company.workspace('manager'), 'both.txt'), 'utf8'), 'mirror\n', 'what stood beside it ran once');
  assert.equal((await inbox(company, '--all')).length, 1);
  await company.check();
});

test('a gateway and a hub that die around the question and the answer: asked once, answered once', async (t) => {
  const points = ['gateway-manager/turn.ask.before', 'gateway-manager/turn.ask.after', 'hub/hub.decide.before', 'hub/hub.decide.after'];
  const crashDir = mkdtempSync(join(tmpdir(), 'hq-crash-'));
  t.after(() => rmSync(crashDir, { recursive: true, force: true }));
  const company = await open(t, { env: { HQ_CRASH_DIR: crashDir, HQ_CRASH_AT: points.map((site) => `${site}#1`).join(',') } });
  const id = await asked(company, 'free:mirror');
  const item = await waiting(company, id);
  const said = await company.hq('inbox', 'answer', item.id, 'green');
  assert.equal(said.code, 0, said.stderr);
  assert.equal(await ended(company, id), 'told: green');
  assert.equal((await inbox(company, '--all')).length, 1);
  assert.equal((await company.task(id)).task.tries, 0);
  const passed = readFileSync(join(crashDir, 'points'), 'utf8');
  for (const point of points) assert.ok(passed.includes(point), point);
  await company.check();
});

test('a cancelled task asks no longer', async (t) => {
  const company = await open(t);
  const id = await asked(company, 'free:mirror');
  const item = await waiting(company, id);
  assert.equal((await company.hq('task', 'cancel', id)).code, 0);
  const late = await company.hq('inbox', 'answer', item.id, 'red');
  assert.equal(late.code, 1);
  assert.match(late.stderr, /no longer asked: who asked has ended/);
  assert.deepEqual(await inbox(company), []);
  await company.check();
});

// A command whose guard and gateway die in the middle.
async function broken(company, command) {
  const marker = join(company.workspace('manager'), 'runs.txt');
  const id = await asked(company, `sh:\`${command}\``);
  await until('the command has said so', () => existsSync(marker) && readFileSync(marker, 'utf8') === 'ran\n');
  const guard = await until('its guard', () => processesOf(company.dir).find((info) => / guard/.test(info.command)));
  company.kill('gateway-manager');
  try {
    process.kill(guard.pid, 'SIGKILL');
  } catch {
    // It went with its gateway.
  }
  return { id, item: await waiting(company, id), marker };
}

test('a command that may have run is asked about; approved it runs again, once', async (t) => {
  const company = await open(t, { tools: { exec: { on_unknown: 'ask' } } });
  const { id, item, marker } = await broken(company, 'echo ran >> runs.txt; test $(wc -l < runs.txt) -gt 1 || sleep 77.5');
  assert.equal(item.kind, 'ambiguous');
  assert.match(item.title, /^Run again\? echo ran >> runs.txt/);
  const shown = (await company.hq('inbox', 'show', item.id)).stdout;
  assert.match(shown, /may have run in part/);
  assert.match(shown, /approve +the command is run once more/);
  assert.equal(readFileSync(marker, 'utf8'), 'ran\n');
  const said = await company.hq('inbox', 'approve', item.id);
  assert.equal(said.code, 0, said.stderr);
  await ended(company, id);
  assert.equal(readFileSync(marker, 'utf8'), 'ran\nran\n');
  const { task, calls } = await company.task(id);
  assert.equal(task.tries, 0);
  assert.equal(calls.find((call) => call.name === 'exec').state, 'recorded');
  assert.equal((await inbox(company, '--all')).length, 1);
  await company.check();
});

test('dies again in the second run: it is asked about again; rejected, the model is told', async (t) => {
  const company = await open(t, { tools: { exec: { on_unknown: 'ask' } } });
  const { id, item, marker } = await broken(company, 'echo ran >> runs.txt; sleep 77.75');
  assert.equal((await company.hq('inbox', 'approve', item.id)).code, 0);
  await until('it runs again', () => readFileSync(marker, 'utf8') === 'ran\nran\n');
  company.kill('gateway-manager');
  const again = await until('it is asked about again', async () => (await inbox(company)).find((one) => one.id !== item.id));
  assert.equal((await company.hq('inbox', 'reject', again.id)).code, 2, 'a no needs a reason');
  assert.equal((await company.hq('inbox', 'reject', again.id, '-m', 'It prints money.')).code, 0);
  assert.match(await ended(company, id), /may have run in part or whole.*It prints money\./);
  assert.equal(readFileSync(marker, 'utf8'), 'ran\nran\n');
  await company.check();
});

test('a delivery of which nobody knows: approved it is sent again, rejected it is dead', async (t) => {
  const receiver = await Receiver.open(t, (_, n) => (n < 3 ? 'cut' : 200));
  const company = await open(t, { change: deliverTo(receiver, { form: 'discord' }), env: secretsOf({ team: receiver }) });
  const items = [];
  for (const word of ['one', 'two']) {
    const { json } = await company.post('manager', { message: `echo:${word}` });
    items.push(await until('it is asked about', async () => (await inbox(company)).find((one) => one.task === json.runId)));
  }
  assert.match(items[0].title, /again/);
  assert.doesNotMatch(JSON.stringify(items), /s3cr3t-pa7h/);
  assert.equal((await company.hq('inbox', 'approve', items[0].id)).code, 0);
  assert.equal((await company.hq('inbox', 'reject', items[1].id, '-m', 'They have it.')).code, 0);
  const state = async (item) => (await company.task(item.task)).effects[0].state;
  await until('it is confirmed', async () => (await state(items[0])) === 'confirmed');
  assert.equal(await state(items[1]), 'dead');
  assert.equal(receiver.requests.length, 3);
  await company.check();
});
