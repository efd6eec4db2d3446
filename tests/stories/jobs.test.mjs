// The job bridge: folders out, results back, whoever dies and however they are copied.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, run as execute, until } from './company.mjs';
import { ended, look, open, start } from './folders.mjs';

const script = `import json, sys, os
open("3_results.csv", "w").write("a,b\\n1,2\\n")
os.makedirs("3_results/deep", exist_ok=True)
open("3_results/deep/study.db", "w").write("db")
json.dump({"volume": 42, "args": sys.argv[1:]}, open("result.json", "w"))
print("ran", sys.argv[1:])
`;
const flow = {
  inputs: { part: { type: 'string', default: 'bracket' } },
  steps: {
    solve: { job: { name: 'mesh', script: 'run_optimization.py', args: ['--part', '${{ inputs.part }}', '$(touch x); "quoted"'],
      type: 'optimization', project: 'M1', files: ['1_setup/model.txt'], notify: { on_complete: 'mesh is there', on_fail: 'mesh failed' } }, timeout: '10m' },
    use: { needs: ['solve'], run: 'cat', input: '${{ steps.solve.output.result }}', output: { format: 'json' } },
  },
};
const files = { 'flow/run_optimization.py': script, 'flow/1_setup/model.txt': 'the model\n' };

async function bridge(t, options = {}) {
  const company = await open(t, { flow }, { files, ...options, change: (config) => (config.jobs = 'job-queue') });
  company.queue = join(company.dir, 'job-queue');
  return company;
}
const list = (company, side) => readdirSync(join(company.queue, side)).filter((name) => name.startsWith('job-'));
const waits = (company, side, count = 1) => until(`${count} in ${side}`, () => list(company, side).length === count && list(company, side));
const json = (...path) => JSON.parse(readFileSync(join(...path, 'job.json'), 'utf8'));
const job = async (company, id) => (await company.api('GET', `/v1/jobs/${id}`)).json.job;
const watch = (company, ...args) => execute(binary, ['job', 'watch', '--dir', company.queue, '--once', ...args], { cwd: '/' });
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const archived = (company, id) => until(`${id} is put away`, async () => (await job(company, id)).archived);

// What a person or a foreign program puts into the inbox.
function handIn(company, id, { job: more = {}, files: given = { 'stdout.log': 'done\n' }, manifest = true, to = company.queue } = {}) {
  const folder = join(to, 'inbox', id);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(given)) writeFileSync(join(folder, name), text);
  const listed = Object.entries(given).map(([name, text]) => ({ name, size: text.length, sha256: sha256(text) }));
  writeFileSync(join(folder, 'job.json'), JSON.stringify({ job_id: id, status: 'completed', result: { volume: 7 }, ...(manifest ? { files: listed } : {}), ...more }));
}

test('a job goes out, the watcher runs it, its result comes back', async (t) => {
  const company = await bridge(t);
  const id = await start(company, 'flow', { part: "it's; a part" });
  const [name] = await waits(company, 'outbox');
  assert.match(name, /^job-\d{8}-\d{6}-mesh-[0-9a-z]{4}$/);
  const sent = json(company.queue, 'outbox', name);
  assert.equal(sent.job_id, name);
  assert.equal(sent.status, 'submitted');
  assert.equal(sent.script, 'run_optimization.py');
  assert.deepEqual(sent.args, ['--part', "it's; a part", '$(touch x); "quoted"']);
  assert.equal(sent.project, 'M1');
  assert.equal(sent.type, 'optimization');
  assert.equal(readFileSync(join(company.queue, 'outbox', name, '1_setup/model.txt'), 'utf8'), 'the model\n');
  assert.deepEqual(sent.sent.map((file) => file.name).sort(), ['1_setup/model.txt', 'run_optimization.py']);
  await until('the hub says so', async () => (await job(company, name)).state === 'submitted');
  const told = await watch(company, '--tell');
  assert.match(told.stderr, /waits for a person.*hq job done/s);
  assert.equal((await watch(company)).code, 2, 'without a terminal it needs to be told');
  const watched = await watch(company, '--yes');
  assert.equal(watched.code, 0, watched.stderr);
  assert.match(watched.stderr, /completed: mesh is there/);
  const done = await ended(company, id);
  assert.equal(done.state, 'done', JSON.stringify(done));
  assert.deepEqual(done.output, { volume: 42, args: ['--part', "it's; a part", '$(touch x); "quoted"'] });
  const { output } = done.steps.solve;
  assert.deepEqual(output.files.map((file) => file.name), ['3_results.csv', '3_results/deep/study.db', 'result.json', 'stdout.log']);
  assert.equal(output.files[1].sha256, sha256('db'));
  await archived(company, name);
  assert.deepEqual(list(company, 'outbox').concat(list(company, 'inbox')), []);
  assert.equal(json(company.queue, 'archive', name, 'inbox').exit_code, 0);
  assert.ok(existsSync(join(company.queue, 'archive', name, 'outbox/run_optimization.py')));
  assert.match((await company.hq('job', 'list')).stdout, /completed/);
  assert.match((await company.hq('job', 'show', name.slice(-4))).stdout, /3_results\/deep\/study\.db/);
  await company.check();
});

test('what comes late, twice or in pieces is taken once and whole', async (t) => {
  const company = await bridge(t);
  const id = await start(company, 'flow');
  const [name] = await waits(company, 'outbox');
  const folder = join(company.queue, 'inbox', name);
  await until('it is out', async () => (await job(company, name)).state === 'submitted');
  // Syncthing: the folder, then job.json, then half a file under a temporary name.
  mkdirSync(folder);
  writeFileSync(join(folder, 'job.json'), '{"job_id":"');
  writeFileSync(join(company.queue, 'outbox', name, 'job.json'), JSON.stringify({ ...json(company.queue, 'outbox', name), status: 'running' }));
  await until('it runs', async () => (await job(company, name)).state === 'running');
  const manifest = [{ name: 'big.csv', size: 9, sha256: sha256('the whole') }];
  writeFileSync(join(folder, '.syncthing.big.csv.tmp'), 'the w');
  writeFileSync(join(folder, 'job.json'), JSON.stringify({ job_id: name, status: 'completed', result: 1, files: manifest }));
  await until('the hub has seen it', () => company.logs().includes('its result is still being copied'));
  writeFileSync(join(folder, 'big.csv'), 'the w');
  renameSync(join(folder, '.syncthing.big.csv.tmp'), join(company.dir, 'gone'));
  await until('the hub has seen that', () => company.logs().includes('big.csv is not the one that was listed'));
  assert.equal((await job(company, name)).state, 'running');
  writeFileSync(join(folder, 'big.csv'), 'the whole');
  assert.equal((await ended(company, id)).output, 1);
  await archived(company, name);
  for (const n of [1, 2]) {
    handIn(company, name, { job: { result: 'another' } });
    await until('the duplicate is put away', () => existsSync(join(company.queue, 'archive', `${name}.dup-${n}`)));
  }
  assert.equal((await job(company, name)).result.result, 1);
  assert.deepEqual(list(company, 'inbox'), []);
  handIn(company, 'job-20260101-000000-foreign-0000');
  await until('a foreign one is told', () => company.logs().includes('no such job'));
  assert.deepEqual(list(company, 'inbox'), ['job-20260101-000000-foreign-0000']);
  await company.check();
});

test('links and names that lead out are not taken', async (t) => {
  const company = await bridge(t);
  const id = await start(company, 'flow');
  const [name] = await waits(company, 'outbox');
  handIn(company, name);
  const folder = join(company.queue, 'inbox', name);
  renameSync(folder, join(company.dir, 'elsewhere'));
  symlinkSync(join(company.dir, 'elsewhere'), folder);
  await until('the link is refused', async () => /cannot be opened/.test((await job(company, name)).note));
  renameSync(folder, join(company.dir, 'link'));
  symlinkSync('/etc/passwd', join(company.dir, 'elsewhere/passwd'));
  renameSync(join(company.dir, 'elsewhere'), folder);
  await until('the link in it is refused', async () => /passwd is a symbolic link/.test((await job(company, name)).note));
  assert.equal((await look(company, id)).state, 'waiting');
  renameSync(join(folder, 'passwd'), join(company.dir, 'passwd'));
  assert.equal((await ended(company, id)).state, 'done');
  await archived(company, name);
});

test('a failed job fails its step, a cancelled run takes its folder back', async (t) => {
  const company = await bridge(t);
  const first = await start(company, 'flow');
  const [name] = await waits(company, 'outbox');
  handIn(company, name, { job: { status: 'failed', message: 'no licence' }, manifest: false });
  const failed = await ended(company, first);
  assert.equal(failed.state, 'failed');
  assert.match(failed.failure.message, /no licence/);
  await archived(company, name);
  const second = await start(company, 'flow');
  const [other] = await waits(company, 'outbox');
  await company.api('POST', `/v1/runs/${second}/cancel`, {});
  await ended(company, second);
  await archived(company, other);
  assert.equal((await job(company, other)).state, 'cancelled');
  assert.deepEqual(list(company, 'outbox'), []);
  handIn(company, other);
  await until('what comes late is put away', () => existsSync(join(company.queue, 'archive', `${other}.dup-1`)));
  assert.equal((await job(company, other)).state, 'cancelled');
});

test('a person says how a job ended, on either side', async (t) => {
  const company = await bridge(t);
  const first = await start(company, 'flow');
  const [name] = await waits(company, 'outbox');
  await until('it is out', async () => (await job(company, name)).state === 'submitted');
  const said = await company.hq('job', 'done', name, '--status', 'completed', '--result', '{"volume":3}', '-m', 'by hand');
  assert.equal(said.code, 0, said.stderr);
  assert.deepEqual((await ended(company, first)).output, { volume: 3 });
  assert.equal((await company.hq('job', 'done', name, '--status', 'failed')).code, 1, 'it has ended');
  await archived(company, name);
  const second = await start(company, 'flow');
  const [other] = await waits(company, 'outbox');
  mkdirSync(join(company.queue, 'inbox', other));
  writeFileSync(join(company.queue, 'inbox', other, 'mesh.bin'), 'mesh');
  const there = await execute(binary, ['job', 'done', other, '--status', 'completed', '--result', '9', '--dir', company.queue], { cwd: '/' });
  assert.equal(there.code, 0, there.stderr);
  const done = await ended(company, second);
  assert.equal(done.output, 9);
  assert.deepEqual(done.steps.solve.output.files.map((file) => file.name), ['mesh.bin']);
  assert.equal((await company.api('POST', `/v1/jobs/${other}`, { status: 'completed' }, company.token('runner'))).status, 403);
  assert.equal((await company.api('GET', '/v1/jobs', undefined, company.token('manager'))).status, 403);
});

test('a watcher that was killed does not run its job again by itself', async (t) => {
  const company = await bridge(t);
  const id = await start(company, 'flow');
  const [name] = await waits(company, 'outbox');
  await until('it is out', async () => (await job(company, name)).state === 'submitted');
  const env = { HQ_CRASH_DIR: join(company.dir, 'crash'), HQ_CRASH_AT: 'job watch/watch.ended#1' };
  mkdirSync(env.HQ_CRASH_DIR);
  const killed = await execute(binary, ['job', 'watch', '--dir', company.queue, '--once', '--yes'], { cwd: '/', env });
  assert.equal(killed.signal, 'SIGKILL', killed.stderr);
  await until('the hub knows that it runs', async () => (await job(company, name)).state === 'running');
  assert.match((await watch(company, '--yes')).stderr, /was begun .* has no result/);
  assert.deepEqual(list(company, 'inbox'), []);
  assert.equal((await watch(company, '--yes', '--again', name)).code, 0);
  assert.equal((await ended(company, id)).state, 'done');
});

// Wherever the hub dies: one folder goes out, one end is taken, everything is put away.
const sites = ['job.rename.before', 'job.rename.after', 'job.commit.before', 'job.commit.after', 'job.archive.before', 'job.archive.after'];
test('the hub may die anywhere', async (t) => {
  const crashes = mkdtempSync(join(tmpdir(), 'hq-jobs-crash-'));
  t.after(() => rmSync(crashes, { recursive: true, force: true }));
  const points = sites.flatMap((site) => [1, 2, 3].map((n) => `hub/${site}#${n}`));
  const company = await bridge(t, { env: { HQ_CRASH_DIR: crashes, HQ_CRASH_AT: points.join(',') } });
  const patiently = (probe) => until('the hub is back', () => probe().catch(() => null));
  for (let round = 0; round < 2; round++) {
    const id = await start(company, 'flow');
    const [name] = await until('a folder in the outbox', () => list(company, 'outbox').length === 1 && list(company, 'outbox'));
    handIn(company, name);
    const done = await ended(company, id);
    assert.equal(done.state, 'done', JSON.stringify(done));
    await patiently(async () => (await job(company, name)).archived);
    assert.deepEqual([...list(company, 'outbox'), ...list(company, 'inbox')], []);
    assert.deepEqual(readdirSync(join(company.queue, 'archive', name)).sort(), ['inbox', 'outbox']);
    const events = (await patiently(async () => (await company.api('GET', `/v1/runs/${id}/events?limit=1000`)).json)).items;
    assert.equal(events.filter((event) => event.type === 'job.ended').length, 1);
  }
  assert.deepEqual(readdirSync(join(company.queue, 'archive')).filter((name) => name.includes('dup')), []);
  assert.deepEqual(readdirSync(join(company.queue, 'outbox')), []);
  const fired = readdirSync(crashes).filter((name) => name.startsWith('fired'));
  t.diagnostic(`fired: ${fired.join(' ')}`);
  assert.ok(fired.length >= sites.length, fired.join(' '));
  await company.check();
});
