// Steering a company when something is not as usual: two at once, no supervisor, a broken file, a slow end.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, binary, isAlive, processesOf, until } from './company.mjs';

const names = ['supervisor', 'hub', 'gateway-manager', 'gateway-tech-lead'];
const stateOf = async (company, id) => (await company.hq('status', '--json')).json.agents.find((agent) => agent.id === id);

test('six people say up at once: one company runs', async (t) => {
  const company = await Company.open(t, { agents: 2, up: false });
  const results = await Promise.all(Array.from({ length: 6 }, () => company.hq('up', '-d', '--wait')));
  for (const { code, stderr } of results) assert.equal(code, 0, stderr);
  await until('the others gave way', () => processesOf(company.dir).length === 4);
  assert.ok(names.every((name) => company.pid(name)));
});

test('what was stopped by hand stays down over deaths, down and up, until start', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  assert.equal((await company.hq('stop', 'manager')).code, 0);
  assert.equal(company.pid('gateway-manager'), null, 'stop returns when it is down');
  const supervisor = company.kill('supervisor');
  await until('it is dead', () => !isAlive(supervisor));
  await company.up();
  assert.equal((await stateOf(company, 'manager')).state, 'down');
  assert.equal((await company.hq('down')).code, 0);
  await company.up();
  assert.equal(company.pid('gateway-manager'), null);
  assert.match((await company.hq('status')).stdout, /stopped by hand/);
  assert.equal((await company.hq('start', 'manager')).code, 0);
  assert.ok(company.lock('gateway-manager').ready, 'start returns when it is ready');
});

test('restart returns when a new process is ready, reload when the new settings are', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  for (let i = 0; i < 3; i++) {
    const old = company.pid('gateway-manager'), other = company.pid('gateway-tech-lead');
    assert.equal((await company.hq('restart', 'manager')).code, 0);
    const now = company.lock('gateway-manager');
    assert.ok(now.ready && now.pid !== old, 'a new one, at once');
    assert.equal(company.pid('gateway-tech-lead'), other);
  }
  const manager = company.pid('gateway-manager'), lead = company.pid('gateway-tech-lead');
  company.config.agents['tech-lead'].name = 'Lead';
  company.config.agents.auditor = { name: 'Auditor', port: company.base + 8, model: 'demo/auditor' };
  company.writeConfig(company.config);
  assert.equal((await company.hq('reload')).code, 0);
  assert.equal(company.pid('gateway-manager'), manager, 'who did not change goes on');
  assert.notEqual(company.pid('gateway-tech-lead'), lead);
  assert.equal((await company.ask('auditor', 'echo:new')).task.result.result, 'echo new');
  delete company.config.agents.auditor;
  company.writeConfig(company.config);
  assert.equal((await company.hq('reload')).code, 0);
  await until('the removed one is gone', () => company.pid('gateway-auditor') === null);
  assert.doesNotMatch((await company.hq('status')).stdout, /changed/);
});

test('reload tells an agent of everything it reads: whom it may ask, who may decide, how long to keep', async (t) => {
  const script = [
    { when: { user: 'who is there', step: 0 }, call: [{ tool: 'agents_list' }] },
    { when: { user: 'ask lea', step: 0 }, call: [{ tool: 'ask_human', with: { question: 'Well?', to: 'person:lea' } }] },
    { when: { tool: ['agents_list', 'ask_human'] }, say: '{{tool_result}}' },
    { say: 'heard: {{user}}' },
  ];
  const company = await Company.open(t, { agents: 2, script, change(config) {
    config.agents.manager.delegates = ['*'];
    config.agents.manager.tools = { allow: ['agents_list', 'ask_human'] };
  } });
  const lead = company.pid('gateway-tech-lead');
  company.config.agents.auditor = { name: 'Auditor', port: company.base + 8, model: 'demo/auditor' };
  company.writeConfig(company.config);
  assert.equal((await company.hq('reload')).code, 0);
  assert.match((await company.ask('manager', 'who is there')).task.result.result, /"auditor"/);
  assert.equal(company.pid('gateway-tech-lead'), lead, 'who may not ask it goes on');
  assert.match((await company.ask('manager', 'ask lea')).task.result.result, /person:lea/, 'nobody of that name');
  const [manager, auditor] = ['manager', 'auditor'].map((name) => company.pid(`gateway-${name}`));
  company.config.people = { lea: { roles: ['legal'], local: true } };
  company.writeConfig(company.config);
  assert.equal((await company.hq('reload')).code, 0);
  const { json } = await company.hq('ask', 'manager', 'ask lea', '--no-wait', '--json');
  await until('lea is asked', async () => (await company.hq('inbox', 'list', '--json')).json.items.some((item) => item.task === json.task.id));
  for (const [name, pid] of [['manager', manager], ['auditor', auditor], ['tech-lead', lead]]) assert.notEqual(company.pid(`gateway-${name}`), pid, name);
});

test('without a supervisor: status says so, stop and down still work, start does not', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  const supervisor = company.kill('supervisor');
  await until('it is dead', () => !isAlive(supervisor));
  const { code, stdout } = await company.hq('status');
  assert.equal(code, 0);
  assert.match(stdout, /no supervisor/);
  assert.equal((await company.hq('start', 'manager')).code, 3);
  assert.equal((await company.hq('restart', 'manager')).code, 3);
  assert.equal((await company.hq('reload')).code, 3);
  assert.equal((await company.hq('stop', 'manager')).code, 0);
  assert.equal(company.pid('gateway-manager'), null);
  assert.equal((await company.hq('down')).code, 0);
  assert.deepEqual(processesOf(company.dir), []);
});

test('with a broken hq.yaml the running company is still seen, heard and brought down', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  company.writeConfig('company: [broken\n');
  const { code, json, stderr } = await company.hq('status', '--json');
  assert.equal(code, 0, stderr);
  assert.equal(json.company, 'story');
  assert.deepEqual(json.agents.map((agent) => agent.state), ['idle', 'idle']);
  assert.equal((await company.hq('logs', 'manager', '-n', '3')).code, 0);
  assert.equal((await company.hq('down')).code, 0);
  assert.deepEqual(processesOf(company.dir), []);
  assert.equal((await company.hq('up', '-d')).code, 2);
});

test('a slow turn: Ctrl-C waits and names it, the second stops it, its task goes on at the next start', async (t) => {
  const company = await Company.open(t, { agents: 2, up: false, script: [{ when: { user: 'slowly' }, delay: '10s', say: 'at last' }, { say: '-' }] });
  const up = spawn(binary, ['-C', company.dir, 'up'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [up.stdout, up.stderr]) stream.on('data', (text) => (output += text));
  const ended = new Promise((done) => up.once('close', (code) => done(code)));
  await until('ready', () => /is up: 2 agents/.test(output));
  const { json } = await company.post('manager', { message: 'slowly' });
  await until('a turn runs', async () => (await company.task(json.runId)).task.state === 'working');
  up.kill('SIGINT');
  await until('it says for whom it waits', () => /draining, waits for .*manager/.test(output));
  await until('the idle one is gone', () => company.pid('gateway-tech-lead') === null);
  assert.ok(company.pid('gateway-manager'), 'the busy one is not');
  up.kill('SIGINT');
  assert.equal(await ended, 0, output);
  assert.match(output, /stopping manager/);
  await company.up();
  const { task } = await until('done', async () => {
    const answer = await company.task(json.runId);
    return answer.task.state === 'done' && answer;
  });
  assert.ok(task.tries <= 1, 'stopping is no failure of the work');
});

test('the hub cannot start: up says why and how, and tries again by itself', async (t) => {
  const company = await Company.open(t, { agents: 1 });
  assert.equal((await company.hq('down')).code, 0);
  const ledger = join(company.dir, 'state/ledger.db');
  const bytes = readFileSync(ledger);
  for (const end of ['-wal', '-shm']) rmSync(ledger + end, { force: true });
  writeFileSync(ledger, 'this is no database, and it is long enough to be looked at as one\n'.repeat(100));
  const result = await company.hq('up', '-d', '--wait', '--timeout', '3s');
  assert.equal(result.code, 124, result.stderr);
  assert.match(result.stderr, /hub/);
  await until('status says so, between two tries', async () => /the hub is down/.test((await company.hq('status')).stdout));
  writeFileSync(ledger, bytes);
  await until('it is back', async () => (await company.hq('status', '--json')).json.state === 'running');
});

test('a state folder that cannot be written, a token that is too open: refused, nothing started', async (t) => {
  const company = await Company.open(t, { agents: 1 });
  assert.equal((await company.hq('down')).code, 0);
  const token = join(company.dir, 'secrets/operator.token');
  chmodSync(token, 0o644);
  const result = await company.hq('status');
  assert.equal(result.code, 3, 'nothing runs, whatever the token');
  chmodSync(token, 0o600);
  writeFileSync(join(company.dir, 'blocked'), '');
  const up = await company.hq('--state', join(company.dir, 'blocked'), 'up', '-d', '--wait');
  assert.equal(up.code, 2);
  assert.match(up.stderr, /blocked/);
  assert.deepEqual(processesOf(company.dir), []);
});

test('logs of all are merged by time, followed as they come, and told as JSON', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  const follow = spawn(binary, ['-C', company.dir, 'logs', '-f', '--json', '-n', '5'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  follow.stdout.on('data', (text) => (output += text));
  const ended = new Promise((done) => follow.once('close', (code) => done(code)));
  await until('the last lines', () => output.trim().split('\n').length >= 5);
  await company.hq('restart', 'manager');
  await until('the new ones', () => /manager is ready/.test(output.split('\n').slice(5).join('\n')));
  follow.kill('SIGINT');
  assert.equal(await ended, 130);
  for (const line of output.trim().split('\n')) assert.ok(JSON.parse(line).line, line);
  const { stdout } = await company.hq('logs', '-n', '1000');
  const stamps = stdout.trim().split('\n').map((line) => line.slice(0, 24));
  assert.deepEqual(stamps, [...stamps].sort());
  const typo = await company.hq('logs', 'managr');
  assert.equal(typo.code, 2);
  assert.match(typo.stderr, /Did you mean manager\?/);
});

test('help knows every command, and every command knows help', async (t) => {
  const company = await Company.open(t, { up: false });
  const { code, stdout } = await company.hq('help');
  assert.equal(code, 0);
  for (const line of stdout.split('\n')) assert.ok([...line].length <= 80, line);
  const commands = stdout.split('\n').map((line) => /^ {2}([a-z]+(?: [a-z]+)?)(?: |$)/.exec(line)?.[1]).filter(Boolean);
  for (const wanted of ['up', 'down', 'status', 'ask', 'chat', 'logs', 'task list', 'agent show']) assert.ok(commands.includes(wanted), wanted);
  for (const command of commands) {
    const words = command.split(' ');
    const page = await company.hq(...words, '--help');
    assert.equal(page.code, 0, command);
    assert.match(page.stdout, new RegExp(`^usage: hq ${command}`));
  }
  assert.equal((await company.hq()).code, 2);
  assert.ok(!existsSync(join(company.dir, 'state')), 'reading help makes nothing');
});
