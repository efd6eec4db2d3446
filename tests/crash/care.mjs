// The care of a company under the knife: pauses, a panic, a backup at work that is verified and restored,
// another agent, a secret, another company; meanwhile logs are begun anew and what is over leaves for the
// archive. The commands die, too, and are typed again, as their user would.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Company, binary, run, until } from '../stories/company.mjs';
import { archived, streamsOf } from './archive.mjs';
import { insist, killAll, terminal } from './operator.mjs';

const LOG_LINES = 150, BIG = 20000; // more than a log's smallest size; more than a row holds
const KEY = 'a-key-that-is-long-enough-0001';
const WRITERS = ['supervisor', 'hub', 'manager'];

export const name = 'care';
export const start = () => {};
export const stop = () => {};
export const tags = (serial) => ({ first: `F${serial}x`, big: `B${serial}x`, slow: `L${serial}x`, deputy: `D${serial}x` });

// The short form, one pass each: what only this scenario has and no story kills at, and where it found something.
export const sample = [
  'hub/retire.write.after', 'hub/retire.blob.written', 'hub/ledger.copy.after', 'hub/hub.pause.committed', 'supervisor/config.token.before',
  'backup create/backup.member', 'backup restore/backup.extract', 'backup restore/backup.rename', 'agent add/setup.config.kept',
];

export const options = () => ({
  script: [
    { when: { user: '/echo:([A-Za-z0-9]+)/' }, say: 'echo {{1}}' },
    { when: { user: '/big:([A-Za-z0-9]+)/' }, say: `echo {{1}} ${'x'.repeat(BIG)}` },
    { when: { user: '/slow:([A-Za-z0-9]+)/' }, delay: '400ms', say: 'echo {{1}}' },
    { say: 'heard' },
  ],
});

// A file as people write it: edits must leave what they do not mean.
const yamlOf = (company) => `# Who works here.
company: story
hub: { listen: "127.0.0.1:${company.hubPort}" }
retention: 1s
logs: { size: 10kB, keep: 9 }
models:
  demo: { api: script, file: script.yaml }
  spare: { api: openai-chat, base_url: "http://127.0.0.1:9/v1", api_key: { file: secrets/spare.key } }
agents:
  manager: # the first
    name: manager
    port: ${company.ports.manager}
    model: demo/manager

# the end
`;

// ---- what a person types, and types again ----

// Until the command says that it is done, or `already(result)` sees that a dead one has done it.
function type(company, args, { input, already = () => false, after } = {}) {
  return insist(company, `hq ${args.join(' ')}`, async () => {
    const result = await company.hq(...args, { input, timeout: 30000 });
    after?.(result);
    if (result.code !== 0 && !already(result)) throw new Error(`exit ${result.code ?? result.signal}: ${result.stdout}${result.stderr}`);
    return result;
  });
}

const pausesOf = async (company) => (await company.api('GET', '/v1/status')).json.paused.map(({ id, panic }) => (panic ? `panic ${id}` : id));

// What was acknowledged is so, and stays so over a death.
async function checkPaused(company, wanted) {
  await insist(company, `paused: ${wanted}`, async () => {
    const seen = await pausesOf(company);
    assert.deepEqual(seen, wanted);
    return true;
  });
}

async function submit(company, agent, key, instruction) {
  return insist(company, `${key} is accepted`, async () => {
    const { status, json } = await company.api('POST', '/v1/tasks', { agent, kind: 'ask', key, instruction });
    return (status === 200 || status === 201) && json.task.id;
  });
}

async function hasEnded(company, id) {
  const { status, json } = await company.api('GET', `/v1/tasks/${id}?wait_ms=500`);
  return status === 200 ? terminal(json.task.state) : archived(company).has(id);
}

// Three asks, taken in while nothing may begin: so a repeat finds the first, however short the retention.
async function giveWork(company, tags) {
    await type(company, ['pause', '--reason', 'a look first']);
  await checkPaused(company, ['company']);
  const ids = {
    first: await submit(company, 'manager', 'first', `echo:${tags.first}`),
    big: await submit(company, 'manager', 'big', `big:${tags.big}`),
    slow: await submit(company, 'manager', 'slow', `slow:${tags.slow}`),
  };
  for (const id of Object.values(ids)) {
    const task = await insist(company, 'a look', async () => (await company.api('GET', `/v1/tasks/${id}`)).json.task);
    assert.equal(task.state, 'queued', `${id} waits for the resume`);
  }
  await type(company, ['resume']);
  await checkPaused(company, []);
  return ids;
}

async function panic(company) {
  await type(company, ['panic', '--reason', 'a try']);
  await checkPaused(company, ['panic company']);
  await type(company, ['resume']);
  await checkPaused(company, []);
}

const restoredOf = (company) => join(company.dir, 'restored');

// Half of one is no company; one that is there is whole.
async function checkHalf(place, whole) {
  if (existsSync(join(place, 'hq.yaml'))) {
    for (const path of whole) assert.ok(existsSync(join(place, path)), `${path} is restored`);
  } else if (existsSync(place)) {
    assert.notEqual((await run(binary, ['-C', place, 'config', 'validate'])).code, 0);
  }
}

async function backUp(company) {
  const made = await type(company, ['backup', 'create', '--json']);
  return made.json.path;
}

async function restore(company, path) {
  await type(company, ['backup', 'verify', path]);
  const whole = (await run('tar', ['-tf', path])).stdout.split('\n').filter((line) => line && !line.startsWith('hq-backup.'));
  const place = restoredOf(company);
  await insist(company, 'it is restored', async () => {
    const { code, stderr } = await company.hq('backup', 'restore', path, '--to', place, { timeout: 30000 });
    await checkHalf(place, whole);
    if (code !== 0 && !existsSync(join(place, 'hq.yaml'))) throw new Error(stderr);
    return true;
  });
  return whole;
}

// hq.yaml is the old file or the new one.
async function addDeputy(company, tags) {
  const path = join(company.dir, 'hq.yaml'), old = readFileSync(path, 'utf8');
  const port = String(company.base + 4);
  const check = ({ code }) => {
    const now = readFileSync(path, 'utf8');
    const added = now.includes('\n  deputy:');
    if (!added) assert.equal(now, old);
    assert.ok(now.startsWith('# Who works here.') && now.includes('manager: # the first') && now.endsWith('# the end\n'), now);
    if (code === 0) assert.ok(added);
  };
  await type(company, ['agent', 'add', 'deputy', '--port', port], { after: check, already: () => readFileSync(path, 'utf8') !== old });
  assert.equal(readFileSync(`${path}.bak`, 'utf8'), old);
  await type(company, ['secret', 'set', 'spare'], { input: KEY });
  await type(company, ['reload']);
  await type(company, ['pause', 'deputy']);
  const id = await submit(company, 'deputy', 'deputy', `echo:${tags.deputy}`);
  await checkPaused(company, ['agent:deputy']);
  await type(company, ['resume', 'deputy']);
  return id;
}

async function another(company) {
  const args = ['init', 'second', '--template', 'solo', '--base-url', 'http://127.0.0.1:9/v1', '--model', 'm', '--api-key-stdin', '--no-model-test', '--yes'];
  await insist(company, 'another company', async () => {
    const { code } = await run(binary, args, { input: KEY, cwd: company.dir, env: company.env });
    const is = existsSync(join(company.dir, 'second/hq.yaml'));
    if (is) assert.equal((await run(binary, ['-C', join(company.dir, 'second'), 'config', 'validate'])).code, 0);
    return code === 0;
  });
}

// As if it had worked for long: each process begins a new file soon.
function fillLogs(company) {
  mkdirSync(join(company.dir, 'state/logs'), { recursive: true, mode: 0o700 });
  const at = new Date(Date.now() - 60000).toISOString();
  for (const who of WRITERS) {
    const lines = Array.from({ length: LOG_LINES }, (_, i) => `${at} info  ${who}: line ${i} of before, and so long that a file is soon full of them\n`);
    writeFileSync(join(company.dir, 'state/logs', `${who}.log`), lines.join(''), { mode: 0o600 });
  }
}

export async function work(company, tags) {
  company.writeConfig(yamlOf(company));
  fillLogs(company);
  const ids = await giveWork(company, tags);
  const backup = await backUp(company);
  await panic(company);
  ids.deputy = await addDeputy(company, tags);
  const whole = await restore(company, backup);
  await another(company);
  for (const id of Object.values(ids)) await insist(company, `${id} ends`, () => hasEnded(company, id));
  await type(company, ['restart']); // whoever drains tells how far its transcripts are; else it does so every ten seconds
  await insist(company, 'all is in the archive, and in the ledger no more', async () => {
    for (const id of Object.values(ids)) if (!await hasEnded(company, id)) return false;
    if (!Object.values(ids).every((id) => archived(company).has(id))) return false;
    return (await company.api('GET', '/v1/tasks')).json.items.length === 0; // the rows leave after the archive is synced
  });
  return { ids, backup, whole };
}

// ---- what must be true afterwards ----

// In the ledger nothing, in the archive each request once and whole, with what it answered.
async function checkArchive(company, ids, tags) {
  const { items } = (await company.api('GET', '/v1/tasks')).json;
  assert.deepEqual(items, [], 'all has left');
  const roots = archived(company);
  assert.deepEqual([...roots.keys()].sort(), Object.values(ids).sort(), 'four requests, no more');
  for (const [what, id] of Object.entries(ids)) {
    const rows = roots.get(id);
    assert.deepEqual(rows.filter(({ t }) => t === 'task').map(({ row }) => [row.id, row.state, row.tries <= 1]), [[id, 'done', true]]);
    assert.equal(rows.filter(({ t }) => t === 'handoff').length, 1);
    const text = JSON.stringify(rows.find(({ t }) => t === 'handoff').row);
    if (what !== 'big') assert.match(text, new RegExp(`echo ${tags[what]}`));
  }
  const blobs = readdirSync(join(company.dir, 'state/archive/blobs')).filter((file) => /^[0-9a-f]{64}$/.test(file))
    .map((file) => readFileSync(join(company.dir, 'state/archive/blobs', file), 'utf8'));
  assert.ok(blobs.some((text) => text.includes(`echo ${tags.big} ${'x'.repeat(BIG)}`)), 'the large answer is kept whole');
  for (const [stream, numbers] of streamsOf(company)) assert.deepEqual(numbers, numbers.map((_, i) => i + 1), `${stream}: no gap`);
}

function checkLogs(company) {
  const dir = join(company.dir, 'state/logs');
  for (const who of WRITERS) {
    const files = readdirSync(dir).filter((file) => file === `${who}.log` || file.startsWith(`${who}.log.`));
    assert.ok(files.length > 1, `${who}'s log was begun anew`);
    const text = files.map((file) => readFileSync(join(dir, file), 'utf8')).join('');
    for (let i = 0; i < LOG_LINES; i++) assert.equal(text.split(`line ${i} of before`).length, 2, `${who}: line ${i}, once`);
  }
}

// Nothing half-done lies about, and what is there is whole.
async function checkFolders(company) {
  const backups = readdirSync(join(company.dir, 'backups'));
  assert.deepEqual(backups.filter((file) => !file.endsWith('.hqb.tar')), [], 'no half backup');
  for (const file of backups) {
    const { code, stderr } = await run(binary, ['backup', 'verify', join(company.dir, 'backups', file)]);
    assert.equal(code, 0, stderr);
  }
  assert.ok(!existsSync(join(company.dir, 'state/copies')));
  for (const place of [company.dir, join(company.dir, 'second')]) {
    const secrets = readdirSync(join(place, 'secrets'));
    const keys = secrets.filter((file) => file.endsWith('.key'));
    assert.equal(keys.length, 1);
    assert.equal(readFileSync(join(place, 'secrets', keys[0]), 'utf8'), `${KEY}\n`);
    assert.equal(statSync(join(place, 'secrets', keys[0])).mode & 0o777, 0o600);
    assert.deepEqual(secrets.filter((file) => file.includes('.key.')), [], 'no key lies about');
  }
}

async function checkDoctor(company) {
  const only = ['config', 'ledger', 'lock', 'secret', 'state', 'task', 'work', 'agent'].flatMap((family) => ['--only', family]);
  const { json, stdout } = await company.hq('doctor', '--json', '--severity', 'warn', ...only);
  assert.ok(json, stdout);
  assert.deepEqual(json.items.filter(({ severity }) => severity === 'fail' || severity === 'warn'), []);
}

// The restored company starts, its ledger is sound, and what the old one had taken in is there and ends.
async function checkRestored(company, { ids, whole }) {
  const place = restoredOf(company);
  for (const path of whole) assert.ok(existsSync(join(place, path)), `${path} is restored`);
  await killAll(company);
  const other = Object.assign(new Company(), { dir: place, env: {}, ports: company.ports, base: company.base });
  await other.up();
  await other.check();
  for (const what of ['first', 'big', 'slow']) await until(`${what} ends`, () => hasEnded(other, ids[what]));
  const config = await run('diff', [join(place, 'hq.yaml'), join(company.dir, 'hq.yaml.bak')]);
  assert.equal(config.code, 0, config.stdout);
}

export async function check(company, done, tags) {
  await checkPaused(company, []);
  await company.check();
  await checkArchive(company, done.ids, tags);
  checkLogs(company);
  await checkFolders(company);
  await checkDoctor(company);
  await checkRestored(company, done);
  return 0;
}
