// What a panic and a pause mean for commands of workflows, for the job bridge, for deliveries on their
// way, and for whoever asks over the API alone, without the locks.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, processesOf, until } from './company.mjs';
import { ended, look, open, start } from './folders.mjs';
import { Provider } from './provider.mjs';
import { Receiver, deliverTo, secretsOf } from './receiver.mjs';

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

test('a command of a workflow is killed; a person is asked whether it runs again', async (t) => {
  const company = await open(t, { flow: { steps: {
    loop: { run: 'echo begin >> ran; test $(wc -l < ran) -gt 1 && exit 0; while true; do echo tick >> ticks; sleep 0.1; done' },
    after: { needs: ['loop'], run: 'echo after' },
  } } });
  const id = await start(company, 'flow');
  const path = (name) => join(company.dir, 'state/runs', id, name);
  await until('it ticks', () => existsSync(path('ticks')));
  const panic = await company.hq('panic', '--json');
  assert.equal(panic.code, 0, panic.stdout + panic.stderr);
  assert.deepEqual(panic.json.told, [{ agent: 'hq.runner', tasks: 1 }]);
  assert.equal(panic.json.acknowledged, 1);
  const ticks = readFileSync(path('ticks'), 'utf8').length;
  await wait(1500);
  assert.equal(readFileSync(path('ticks'), 'utf8').length, ticks);
  assert.ok(processesOf(company.dir).every(({ command }) => !/ guard/.test(command)), 'no guard is left');
  await company.hq('resume');
  const item = await until('a person is asked', async () => (await company.api('GET', '/v1/inbox')).json.items[0]);
  assert.match(item.title, /Run again\?/);
  assert.equal(readFileSync(path('ran'), 'utf8'), 'begin\n', 'it was not started again by itself');
  assert.equal((await company.hq('inbox', 'approve', item.id)).code, 0);
  const run = await ended(company, id);
  assert.equal(run.state, 'done', JSON.stringify(run));
  await company.check();
});

test('a paused run of commands: what runs ends, the next step waits', async (t) => {
  const company = await open(t, { flow: { steps: { one: { run: 'until [ -e go ]; do sleep 0.05; done' }, two: { needs: ['one'], run: 'echo two' } } } });
  const id = await start(company, 'flow');
  await until('the first runs', async () => (await look(company, id)).steps.one.state === 'running');
  assert.equal((await company.hq('pause', id)).code, 0);
  writeFileSync(join(company.dir, 'state/runs', id, 'go'), '');
  await wait(2000);
  assert.equal((await look(company, id)).steps.two.state, 'pending');
  assert.equal((await company.hq('resume', id)).code, 0);
  assert.equal((await ended(company, id)).state, 'done');
});

test('no job is handed out while the company is paused', async (t) => {
  const provider = await Provider.open(t, () => ({ say: 'done' }), 2000);
  const company = await open(t, { flow: { steps: { slow: { agent: 'manager', task: 'x' }, solve: { needs: ['slow'], job: { name: 'mesh', script: 'mesh.py' }, timeout: '10m' } } } },
    { files: { 'flow/mesh.py': 'print(1)\n' }, env: Provider.env, change: (config) => (provider.serve(config, 'manager'), (config.jobs = 'job-queue')) });
  const out = () => readdirSync(join(company.dir, 'job-queue/outbox')).filter((name) => name.startsWith('job-'));
  await start(company, 'flow');
  await until('its first step asks the model', () => provider.running === 1); // before that a pause would hold it, too
  await company.hq('pause');
  await until('what ran has ended', async () => (await company.api('GET', '/v1/tasks?agent=manager')).json.items.every((task) => task.state === 'done'));
  await wait(1500);
  assert.deepEqual(out(), []);
  await company.hq('resume');
  await until('the job is out', () => out().length === 1);
});

test('a delivery on its way is cut off after two seconds and never sent twice to who cannot tell', async (t) => {
  const receiver = await Receiver.open(t, () => 'hang');
  const company = await Company.open(t, { change: deliverTo(receiver, { form: 'discord' }), env: secretsOf({ team: receiver }) });
  const { json } = await company.post('manager', { message: 'echo:out' });
  await until('it is on its way', () => receiver.requests.length === 1);
  const panic = await company.hq('panic', '--json');
  assert.equal(panic.code, 0, panic.stdout + panic.stderr);
  assert.equal(panic.json.deliveries_cut, 1);
  await until('nobody knows', async () => (await company.task(json.runId)).effects[0].state === 'unknown');
  await company.hq('resume');
  await wait(1000);
  assert.equal(receiver.requests.length, 1);
});

test('over the API alone a worker that stands still is waited out; when it goes on it starts nothing', async (t) => {
  const company = await Company.open(t, { agents: 2, agent: { turns: 2 } });
  const ids = [];
  for (const agent of ['manager', 'tech-lead']) for (let i = 0; i < 2; i++) ids.push((await company.post(agent, { message: `sh:\`echo begin >> ${agent}.txt; sleep 10; echo end >> ${agent}.txt\`` })).json.runId);
  const marks = (agent) => { try { return readFileSync(join(company.workspace(agent), `${agent}.txt`), 'utf8'); } catch { return ''; } };
  await until('all run', () => marks('manager').split('begin').length === 3 && marks('tech-lead').split('begin').length === 3);
  const pid = company.kill('gateway-manager', 'SIGSTOP');
  const { status, json } = await company.api('POST', '/v1/pause', { panic: true });
  process.kill(pid, 'SIGCONT');
  assert.equal(status, 200);
  assert.equal(json.acknowledged, 1);
  assert.deepEqual(json.waited_out.map(({ agent }) => agent), ['manager']);
  assert.deepEqual(json.silent, []);
  await until('its commands are dead', () => processesOf(company.dir).every(({ command }) => !/ guard/.test(command)));
  const calls = async () => JSON.stringify(await Promise.all(ids.map(async (id) => (await company.task(id)).calls.map(({ step, idx }) => [step, idx]))));
  const before = await calls();
  await wait(2000);
  assert.equal(await calls(), before, 'nothing is intended');
  assert.equal(company.pid('gateway-manager'), pid, 'it was not killed');
  await company.hq('resume');
  for (const id of ids) await until(`${id} ended`, async () => (await company.task(id)).handoff);
  await company.check();
});
