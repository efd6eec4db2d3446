// The supervisor: readiness, start and stop of single agents, back-off and hold, ports, two companies.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';

import { Company, binary, isAlive, processesOf, until } from './company.mjs';

const stateOf = async (company, id) => (await company.hq('status', '--json')).json.agents.find((agent) => agent.id === id);

test('status says what scripts rely on', async (t) => {
  const company = await Company.open(t, { agents: 8 });
  const { code, json } = await company.hq('status', '--json');
  assert.equal(code, 0);
  assert.equal(json.schema_version, 1);
  assert.equal(json.company, 'story');
  assert.equal(json.state, 'running');
  assert.equal(json.supervisor.pid, company.pid('supervisor'));
  assert.equal(json.hub.pid, company.pid('hub'));
  assert.equal(json.hub.listen, `127.0.0.1:${company.hubPort}`);
  assert.ok(json.hub.pss_kb > 0);
  assert.equal(json.inbox, 0);
  assert.deepEqual(json.agents.map((agent) => agent.id), Object.keys(company.ports));
  for (const agent of json.agents) {
    assert.equal(agent.state, 'idle');
    assert.equal(agent.waiting_for, null);
    assert.equal(agent.pid, company.pid(`gateway-${agent.id}`));
    assert.equal(agent.port, company.ports[agent.id]);
    assert.ok(agent.pss_kb > 0, agent.id);
    assert.equal(agent.model, `demo/${agent.id}`);
    assert.equal(agent.restarts, 0);
  }
  const text = await company.hq('status');
  assert.match(text.stdout, /story/);
  for (const line of text.stdout.split('\n')) assert.ok([...line].length <= 80, line);
});

test('up again changes nothing; stop, start and restart act on the agents that are named', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  const pids = () => ['supervisor', 'hub', 'gateway-manager', 'gateway-tech-lead'].map((name) => company.pid(name));
  const before = pids();
  await company.up();
  assert.deepEqual(pids(), before);

  assert.equal((await company.hq('stop', 'manager')).code, 0);
  await until('manager down', async () => (await stateOf(company, 'manager')).state === 'down');
  assert.equal(company.pid('gateway-manager'), null);
  assert.equal((await company.ask('tech-lead', 'echo:on')).code, 0);
  const queued = (await company.hq('ask', 'manager', 'echo:held', '--no-wait', '--json')).json.task;
  assert.equal((await company.hq('start', 'manager')).code, 0);
  await until('its task is done', async () => (await company.task(queued.id)).task.state === 'done');

  const old = company.pid('gateway-tech-lead');
  assert.equal((await company.hq('restart', 'tech-lead')).code, 0);
  await company.reborn('gateway-tech-lead', old);
  assert.equal(company.pid('hub'), before[1]);
});

test('an agent that dies by itself again and again is held; up tries again', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  assert.equal((await company.hq('stop', 'tech-lead')).code, 0);
  await until('it is down', () => !company.pid('gateway-tech-lead'));
  const server = net.createServer().listen(company.ports['tech-lead'], '127.0.0.1'); // it can never get ready
  await new Promise((done) => server.once('listening', done));
  t.after(() => server.close());
  await company.hq('start', 'tech-lead', { timeout: 20000 });
  const held = await until('held', async () => {
    const agent = await stateOf(company, 'tech-lead');
    return agent.state === 'down' && agent.supervised === 'held' && agent;
  });
  assert.equal(held.pid, null);
  assert.equal((await stateOf(company, 'manager')).state, 'idle', 'the others work');
  await new Promise((done) => server.close(done));
  await company.up();
  await until('it runs', async () => (await stateOf(company, 'tech-lead')).state === 'idle');
});

test('a port that is taken is named before anything starts', async (t) => {
  const company = await Company.open(t, { up: false });
  const server = net.createServer().listen(company.ports.manager, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const result = await company.hq('up', '-d', '--wait');
  server.close();
  assert.notEqual(result.code, 0);
  assert.match(result.stderr, new RegExp(String(company.ports.manager)));
  assert.deepEqual(processesOf(company.dir), []);
});

test('ports that clash with each other are an error of the file', async (t) => {
  const company = await Company.open(t, { agents: 2, up: false });
  company.config.agents['tech-lead'].port = company.ports.manager + 3;
  company.writeConfig(company.config);
  const result = await company.hq('config', 'validate');
  assert.equal(result.code, 2);
  assert.match(result.stderr + result.stdout, /hq\.yaml:\d+:\d+: /);
});

test('in the foreground: Ctrl-C drains and ends everything', async (t) => {
  const company = await Company.open(t, { up: false });
  const up = spawn(binary, ['-C', company.dir, 'up'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  up.stdout.on('data', (text) => (output += text));
  up.stderr.on('data', (text) => (output += text));
  const ended = new Promise((done) => up.once('close', (code, signal) => done({ code, signal })));
  await until('ready', () => company.lock('gateway-manager')?.ready);
  const { json } = await company.post('manager', { message: 'pause5s:drain' });
  await until('a turn runs', async () => (await company.task(json.runId)).task.state === 'working');
  up.kill('SIGINT');
  await until('it drains', () => /draining, waits for/.test(output));
  const early = await company.hq('up', '-d', '--wait');
  if (early.code !== 0) { // 0: it was down by then
    assert.equal(early.code, 75, early.stderr);
    assert.match(early.stderr, /is going down/);
    assert.doesNotMatch(early.stderr, /stays stopped/);
  }
  const { code, signal } = await ended;
  assert.ok(code === 0 || code === 130, `exit ${code} ${signal}\n${output}`);
  assert.deepEqual(processesOf(company.dir), []);
  await company.up();
  const done = await until('drained or done again', async () => {
    const { task } = await company.task(json.runId);
    return task.state === 'done' && task;
  });
  assert.ok(done.tries <= 1, 'stopping is no failure of the work');
});

test('down leaves nothing, a second down says that nothing runs', async (t) => {
  const company = await Company.open(t, { agents: 8 });
  assert.equal(processesOf(company.dir).length, 10);
  assert.equal((await company.hq('down')).code, 0);
  assert.deepEqual(processesOf(company.dir), []);
  assert.ok([0, 3].includes((await company.hq('down')).code));
});

test('two companies on one machine do not touch each other', async (t) => {
  const one = await Company.open(t, { agents: 2 });
  const two = await Company.open(t, { agents: ['mario'] });
  const pids = ['hub', 'gateway-manager', 'gateway-tech-lead'].map((name) => one.pid(name));
  assert.equal((await two.ask('mario', 'echo:two')).task.result.result, 'echo two');
  two.kill('hub');
  assert.equal((await two.hq('down')).code, 0);
  assert.deepEqual(['hub', 'gateway-manager', 'gateway-tech-lead'].map((name) => one.pid(name)), pids);
  assert.equal((await one.ask('manager', 'echo:one')).task.result.result, 'echo one');
  assert.equal((await one.api('GET', '/v1/tasks')).json.items.length, 1);
});

test('a changed file is seen, a bad one keeps the last good one', async (t) => {
  const company = await Company.open(t);
  company.config.agents.manager.name = 'The Manager';
  company.writeConfig(company.config);
  assert.match((await company.hq('status')).stdout, /config changed|hq\.yaml has changed/);
  assert.equal((await company.hq('reload')).code, 0);
  await until('reloaded', async () => (await stateOf(company, 'manager')).name === 'The Manager');
  company.writeConfig('company: [broken\n');
  assert.equal((await company.hq('reload')).code, 2);
  assert.equal((await company.hook('manager', '/hooks/agent', { message: 'echo:still' })).status, 202);
  company.writeConfig(company.config);
});

test('with the hub held down, status answers from the locks', async (t) => {
  const company = await Company.open(t);
  const hub = company.kill('hub', 'SIGSTOP');
  try {
    const { code, json } = await company.hq('status', '--json');
    assert.equal(code, 0);
    assert.equal(json.state, 'degraded');
    assert.equal(json.agents[0].pid, company.pid('gateway-manager'));
  } finally {
    process.kill(hub, 'SIGCONT');
  }
});

test('the gateway tells its health; a wrong path is no answer', async (t) => {
  const company = await Company.open(t);
  for (const path of ['/healthz', '/readyz', '/metrics']) {
    const answer = await company.hook('manager', path, undefined, { method: 'GET', token: null });
    assert.equal(answer.status, 200, path);
  }
  assert.equal((await company.hook('manager', '/nothing', undefined, { method: 'GET', token: null })).status, 404);
});

test('logs tells what the processes wrote, no secret among it', async (t) => {
  const company = await Company.open(t);
  await company.ask('manager', 'echo:logged');
  const { code, stdout } = await company.hq('logs', 'manager');
  assert.equal(code, 0);
  assert.ok(stdout.length > 0);
  for (const name of ['operator', 'manager', 'manager.hooks']) assert.ok(!company.logs().includes(company.token(name)), name);
  for (const info of processesOf(company.dir)) {
    assert.ok(isAlive(info.pid));
    assert.ok(!readFileSync(`/proc/${info.pid}/cmdline`, 'utf8').includes(company.token('manager')));
  }
});
