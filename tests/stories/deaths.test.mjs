// Processes die and stall: nothing acknowledged is lost, nothing recorded is done twice.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, isAlive, until } from './company.mjs';

async function finished(company, runId) {
  return until(`${runId} ended`, async () => {
    const { json } = await company.api('GET', `/v1/tasks/${runId}?wait_ms=5000`);
    const { state } = json.task;
    return ['done', 'failed', 'cancelled', 'timed_out'].includes(state) && { state, result: json.handoff ?? null };
  });
}

// Five hooks in mid-turn while `victim` is killed: all end well, once.
async function survives(t, victim) {
  const company = await Company.open(t);
  const runs = await Promise.all(Array.from({ length: 5 }, async (_, i) =>
    (await company.post('manager', { message: `pause1s:w${i}` })).json.runId));
  await until('a turn runs', async () => (await company.task(runs[0])).task.state === 'working');
  const before = company.kill(victim);
  await company.reborn(victim, before);
  for (const [i, runId] of runs.entries()) {
    const end = await finished(company, runId);
    assert.equal(end.state, 'done');
    assert.equal(end.result.result, `paused w${i}`);
  }
  const { items } = (await company.api('GET', '/v1/tasks')).json;
  assert.equal(items.length, 5);
  assert.ok(items.every((item) => item.tries === 1 || item.tries === 0), 'a death is no failed try');
  await company.check();
}

test('kill -9 of the gateway under running turns', (t) => survives(t, 'gateway-manager'));
test('kill -9 of the hub under running turns', (t) => survives(t, 'hub'));

test('kill -9 of the supervisor: agents live on, a new one adopts them', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  const pids = ['hub', 'gateway-manager', 'gateway-tech-lead'].map((name) => company.pid(name));
  const supervisor = company.kill('supervisor');
  await until('it is dead', () => !isAlive(supervisor));
  assert.equal((await company.ask('manager', 'echo:orphan')).task.result.result, 'echo orphan');
  await company.up();
  assert.deepEqual(['hub', 'gateway-manager', 'gateway-tech-lead'].map((name) => company.pid(name)), pids, 'adopted, not started again');
  company.kill('gateway-manager');
  await company.reborn('gateway-manager', pids[1]);
});

test('kill -9 of everything at once: what was accepted is done after the next up', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  const runs = [];
  for (let i = 0; i < 6; i++) {
    const agent = i % 2 ? 'manager' : 'tech-lead';
    runs.push({ agent, i, runId: (await company.post(agent, { message: `pause1s:all${i}` })).json.runId });
  }
  await company.killAll();
  await company.up();
  for (const { agent, i, runId } of runs) assert.equal((await finished(company, runId)).result.result, `paused all${i}`);
  await company.check();
});

test('the guard is killed in mid-command: the call is declared unknown, never repeated', async (t) => {
  const company = await Company.open(t);
  const marker = join(company.workspace('manager'), 'runs.txt');
  const asked = (await company.hq('ask', 'manager', 'sh:`echo ran >> runs.txt; sleep 77.25`', '--no-wait', '--json')).json.task;
  await until('the command has said so', () => existsSync(marker) && readFileSync(marker, 'utf8') === 'ran\n');
  const { processesOf } = await import('./company.mjs');
  const guard = await until('its guard', () => processesOf(company.dir).find((info) => / guard/.test(info.command)));
  process.kill(guard.pid, 'SIGKILL');
  const end = await finished(company, asked.id);
  assert.equal(end.state, 'done');
  const { calls } = await company.task(asked.id);
  const call = calls.find((one) => one.kind === 'tool');
  assert.equal(call.state, 'unknown');
  assert.equal(readFileSync(marker, 'utf8'), 'ran\n', 'it ran once');
  await until('the command is gone', () => processesOf(company.dir).every((info) => !info.command.includes('77.25')));
});

test('a worker that was stopped past its lease is refused when it comes back', async (t) => {
  const company = await Company.open(t);
  const { json } = await company.post('manager', { message: 'work:stale' });
  await finished(company, json.runId);
  const asked = (await company.hq('ask', 'manager', 'pause5s:stale', '--no-wait', '--json')).json.task;
  const before = await until('it works', async () => {
    const { task } = await company.task(asked.id);
    return task.state === 'working' && task;
  });
  const pid = company.kill('gateway-manager', 'SIGSTOP');
  try {
    await until('the lease ran out', async () => (await company.task(asked.id)).task.state === 'queued');
    // A person claims it meanwhile, by cancelling: the stale worker's report must change nothing.
    assert.equal((await company.hq('task', 'cancel', asked.id)).code, 0);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  assert.equal((await company.ask('manager', 'echo:back')).task.result.result, 'echo back');
  const { task, handoff } = await company.task(asked.id);
  assert.equal(task.state, 'cancelled');
  assert.equal(handoff?.result, undefined);
  assert.ok(task.fence >= before.fence);
  await company.check();
});

test('two stalls at once: the hub stands still for 30 s under running turns', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  const runs = [];
  for (let i = 0; i < 8; i++) {
    const agent = i % 2 ? 'manager' : 'tech-lead';
    runs.push({ agent, i, runId: (await company.post(agent, { message: i < 4 ? `pause5s:st${i}` : `work:st${i}` })).json.runId });
  }
  await until('turns run', async () => (await company.task(runs[0].runId)).task.state === 'working');
  const hub = company.kill('hub', 'SIGSTOP');
  const gateway = company.kill('gateway-manager', 'SIGSTOP');
  try {
    await new Promise((done) => setTimeout(done, Number(process.env.HQ_STALL_MS ?? 30000)));
  } finally {
    process.kill(hub, 'SIGCONT');
    process.kill(gateway, 'SIGCONT');
  }
  for (const { agent, i, runId } of runs) {
    const end = await finished(company, runId);
    assert.equal(end.state, 'done', JSON.stringify(end));
    assert.match(end.result.result, new RegExp(`st${i}`));
    if (i < 4) continue;
    const file = join(company.workspace(agent), `appended-st${i}.txt`);
    const { calls } = await company.task(runId);
    const exec = calls.find((call) => call.name === 'exec');
    const lines = existsSync(file) ? readFileSync(file, 'utf8') : '';
    if (exec.state === 'unknown') assert.ok(['', `st${i}\n`].includes(lines), `not twice: ${lines}`);
    else assert.equal(lines, `st${i}\n`, `appended once: ${JSON.stringify(exec)}`);
  }
  assert.equal(company.pid('hub'), hub, 'a stall is no death');
  const { items } = (await company.api('GET', '/v1/tasks')).json;
  assert.equal(items.length, 8);
  await company.check();
});

test('an answer lost on the way is found again by its runId', async (t) => {
  const company = await Company.open(t);
  const abort = new AbortController();
  const headers = { 'idempotency-key': 'hung-up', authorization: `Bearer ${company.token('manager.hooks')}` };
  const url = `http://127.0.0.1:${company.ports.manager}/hooks/agent`;
  const body = JSON.stringify({ message: 'work:hungup' });
  const first = fetch(url, { method: 'POST', headers, body, signal: abort.signal }).catch(() => null);
  abort.abort();
  await first;
  const { json } = await company.post('manager', { message: 'work:hungup' }, { headers });
  assert.match((await finished(company, json.runId)).result.result, /^finished hungup/);
  assert.equal(readFileSync(join(company.workspace('manager'), 'appended-hungup.txt'), 'utf8'), 'hungup\n');
});
