// hq panic: when it has returned, no model is asked and no tool runs, whatever is killed and restarted;
// hq resume: everything goes on, nothing is lost, nothing is done twice.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, isAlive, processesOf, until } from './company.mjs';
import { Provider } from './provider.mjs';

const STEPS = 8;
const QUIET_MS = 2000;

// "hammer:TAG": asks for one command after another, each of which says that it has begun and then
// appends for a while.
function hammer(file, world) {
  return ({ user, step }) => {
    const tag = /hammer:([a-z0-9-]+)/.exec(user)?.[1];
    if (!tag) return { say: `heard: ${user.split('\n')[0]}` };
    if (step >= STEPS && world.started) return { say: `finished ${tag}` };
    const command = `echo begin ${tag} ${step} >> ${file}; for i in 1 2 3 4 5 6; do echo tick >> ${file}; sleep 0.1; done`;
    return { call: { name: 'exec', arguments: { command } } };
  };
}

async function hammering(t, { agents = ['manager', 'tech-lead', 'secretary', 'auditor'], turns = 4, up = true, env } = {}) {
  const world = { started: false }; // until all are at it nobody ends
  const provider = await Provider.open(t, hammer('marks.txt', world));
  const company = await Company.open(t, {
    agents, env, up: false, agent: { model: 'http/m', turns },
    models: { http: { api: 'openai-chat', base_url: provider.url, api_key: { file: 'secrets/http.key' } } },
  });
  mkdirSync(join(company.dir, 'secrets'), { mode: 0o700, recursive: true });
  writeFileSync(join(company.dir, 'secrets/http.key'), 'k\n', { mode: 0o600 });
  if (up) await company.up();
  return Object.assign(world, { provider, company, agents, turns });
}

const marks = (company, agent) => {
  const path = join(company.workspace(agent), 'marks.txt');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
};
const size = (company, agents) => agents.reduce((sum, agent) => sum + marks(company, agent).length, 0);

async function start(world) {
  const { company, agents, turns } = world;
  const ids = [];
  for (const agent of agents)
    for (let i = 0; i < turns; i++) ids.push((await company.post(agent, { message: `hammer:${agent}-${i}` })).json.runId);
  await until('all of them are at it', async () => {
    const { json } = await company.api('GET', '/v1/tasks?state=working&limit=1000');
    return json.items.length === ids.length && agents.every((agent) => marks(company, agent).includes('tick'));
  });
  world.started = true;
  return ids;
}

// Nothing new from here on, for as long as a command or an answer would take several times over.
async function quiet({ provider, company, agents }, what) {
  const before = { requests: provider.requests.length, size: size(company, agents) };
  await new Promise((done) => setTimeout(done, QUIET_MS));
  assert.deepEqual({ requests: provider.requests.length, size: size(company, agents) }, before, what);
}

async function everythingEnds({ company, agents }, ids) {
  for (const id of ids) {
    const { task, handoff } = await until(`${id} ended`, async () => {
      const { json } = await company.api('GET', `/v1/tasks/${id}?wait_ms=5000`);
      return json.handoff && json;
    });
    assert.equal(task.state, 'done', JSON.stringify(task));
    assert.match(handoff.result, /^finished /);
    assert.equal(task.tries, 0, 'a halt is no try');
  }
  for (const agent of agents) {
    const begun = marks(company, agent).split('\n').filter((line) => line.startsWith('begin'));
    assert.equal(new Set(begun).size, begun.length, `twice: ${begun.sort().join(', ')}`);
  }
  await company.check();
}

const killAll = async (company) => {
  for (const { pid } of processesOf(company.dir)) {
    try { process.kill(pid, 'SIGKILL'); } catch { /* gone */ }
  }
  await until('all are dead', () => processesOf(company.dir).length === 0);
};

test('panic under 16 turns: nothing new, over kill -9 and up; resume: all of it ends, once', async (t) => {
  const world = await hammering(t);
  const { company, provider } = world;
  const ids = await start(world);
  const panic = await company.hq('panic', '--reason', 'the bill explodes', '--json');
  assert.equal(panic.code, 0, panic.stdout + panic.stderr);
  assert.equal(provider.running, 0, 'no answer is waited for');
  assert.equal(panic.json.way, 'hub');
  assert.equal(panic.json.acknowledged, 4);
  assert.deepEqual(panic.json.killed, []);
  t.diagnostic(`16 turns in flight: panic took ${panic.json.took_ms} ms`);
  await quiet(world, 'after panic');
  const later = await company.post('manager', { message: 'hammer:late' });
  assert.equal(later.status, 202, 'new work is taken in');
  const { json } = await company.api('GET', '/v1/status');
  assert.equal(json.paused[0].id, 'company');
  assert.equal(json.paused[0].reason, 'the bill explodes');
  assert.equal(json.paused[0].panic, true);
  await killAll(company);
  await company.up();
  await quiet(world, 'after kill -9 and up');
  const resumed = await company.hq('resume');
  assert.equal(resumed.code, 0, resumed.stderr);
  await everythingEnds(world, [...ids, later.json.runId]);
});

test('panic with a gateway that stands still: it is killed, the others acknowledge', async (t) => {
  const world = await hammering(t, { agents: ['manager', 'tech-lead'], turns: 2 });
  const { company } = world;
  const ids = await start(world);
  const stopped = company.kill('gateway-manager', 'SIGSTOP');
  const panic = await company.hq('panic', '--json');
  assert.equal(panic.code, 0, panic.stdout + panic.stderr);
  assert.deepEqual(panic.json.killed, ['gateway-manager']);
  assert.equal(panic.json.acknowledged, 1);
  assert.ok(!isAlive(stopped));
  t.diagnostic(`a gateway that stands still: ${panic.json.took_ms} ms`);
  await quiet(world, 'after panic');
  await company.hq('resume');
  await everythingEnds(world, ids);
});

test('panic with a hub that hangs: by the locks; the next hub has it', async (t) => {
  const world = await hammering(t, { agents: ['manager', 'tech-lead'], turns: 2 });
  const { company } = world;
  const ids = await start(world);
  const hub = company.kill('hub', 'SIGSTOP');
  const panic = await company.hq('panic', '--reason', 'three in the morning', '--json');
  assert.equal(panic.code, 0, panic.stdout + panic.stderr);
  assert.equal(panic.json.way, 'locks');
  assert.equal(panic.json.hub_killed, true);
  assert.ok(!isAlive(hub));
  t.diagnostic(`a hub that hangs: ${panic.json.took_ms} ms`);
  await quiet(world, 'after panic');
  const { json } = await until('a new hub answers', async () => {
    const answer = await company.api('GET', '/v1/status');
    return answer.json?.paused && answer;
  });
  assert.equal(json.paused[0].reason, 'three in the morning');
  await quiet(world, 'with the new hub');
  assert.ok(!existsSync(join(company.dir, 'state/run/panic')), 'the mark was taken over');
  await company.hq('resume');
  await everythingEnds(world, ids);
});

test('deaths at every commit of a panic and a resume: it holds, and can be lifted', async (t) => {
  const crash = mkdtempSync(join(tmpdir(), 'hq-crash-'));
  t.after(() => rmSync(crash, { recursive: true, force: true }));
  const points = ['hub/hub.pause.committed', 'hub/hub.pause.answer', 'hub/hub.panic.taken_over', 'hub/hub.resume.answer', 'gateway-manager/turn.halt.before', 'gateway-tech-lead/turn.halt.after'];
  const world = await hammering(t, { agents: ['manager', 'tech-lead'], turns: 2, env: { HQ_CRASH_DIR: crash, HQ_CRASH_AT: points.map((site) => `${site}#1`).join(',') } });
  const { company } = world;
  const ids = await start(world);
  const panic = await company.hq('panic', '--json', { env: { HQ_CRASH_DIR: crash, HQ_CRASH_AT: 'none' } });
  assert.equal(panic.code, 0, panic.stdout + panic.stderr);
  await quiet(world, 'after panic');
  const resumed = await until('it is resumed', async () => (await company.hq('resume', { env: { HQ_CRASH_AT: 'none' } })).code === 0);
  assert.ok(resumed);
  await until('all are at it again', async () => (await company.api('GET', '/v1/tasks?state=working')).json.items.length > 0);
  const hub = company.kill('hub', 'SIGSTOP');
  for (const site of ['panic.mark.before', 'panic.mark.after'])
    assert.equal((await company.hq('panic', { env: { HQ_CRASH_DIR: crash, HQ_CRASH_AT: `panic/${site}#1` } })).signal, 'SIGKILL', site);
  assert.ok(isAlive(hub), 'it was killed before it could kill');
  assert.equal((await company.hq('panic')).code, 0);
  await quiet(world, 'after the second panic');
  await until('it is resumed', async () => (await company.hq('resume')).code === 0 && !(await company.api('GET', '/v1/status')).json.paused.length);
  await everythingEnds(world, ids);
  const fired = readdirSync(crash).join('\n') + readFileSync(join(crash, 'points'), 'utf8');
  for (const point of points.filter((site) => site.startsWith('hub/'))) assert.ok(fired.includes(`${point}#1`), point);
});

test('panic while nothing runs: the next start begins paused', async (t) => {
  const world = await hammering(t, { agents: ['manager'], turns: 2 });
  const { company } = world;
  const ids = await start(world);
  await killAll(company);
  const panic = await company.hq('panic');
  assert.equal(panic.code, 0, panic.stderr);
  assert.match(panic.stdout, /the hub is down: the panic is written down/);
  await company.up();
  await quiet(world, 'after up');
  const again = await company.hq('resume');
  assert.equal(again.code, 0);
  await everythingEnds(world, ids);
  await company.hq('down');
  await company.hq('panic');
  assert.match((await company.hq('resume')).stdout, /taken back/);
  assert.ok(!existsSync(join(company.dir, 'state/run/panic')));
});
