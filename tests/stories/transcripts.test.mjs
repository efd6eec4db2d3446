// Retention and the agents' files: what was a session of one task goes with it, through the gateway; what
// somebody comes back to, or has put there, stays; a death anywhere on the way loses nothing.
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Company, until } from './company.mjs';

const open = (t, retention, options = {}) => Company.open(t, { agents: 1, change: (config) => { config.retention = retention; }, ...options });
const folder = (company) => join(company.dir, 'instances/manager/agents/main/sessions');
const index = (company) => JSON.parse(readFileSync(join(folder(company), 'sessions.json'), 'utf8'));
const files = (company) => readdirSync(folder(company)).filter((name) => name.endsWith('.jsonl'));
const read = (company, name) => readFileSync(join(folder(company), name), 'utf8');

async function hook(company, message) {
  const { json } = await company.post('manager', { message });
  const { json: run } = await company.result('manager', json.runId);
  assert.equal(run.state, 'done');
  return json.runId;
}

// The transcript of a session, on disk and named by sessions.json; null: there is none.
function transcript(company, key) {
  const entry = index(company)[`agent:main:${key}`];
  return entry && existsSync(entry.sessionFile) ? readFileSync(entry.sessionFile, 'utf8') : null;
}

const written = (company, key) => until(`the transcript of ${key}`, () => transcript(company, key));
const known = async (company) => (await company.api('GET', '/v1/sessions?agent=manager')).json.items.map((item) => item.key).sort();
const left = (company) => until('all requests have left', async () => (await company.api('GET', '/v1/tasks')).json.items.length === 0);

test('transcripts of archived one-off tasks go; main, named and continued sessions and other files stay', async (t) => {
  const company = await open(t, 'forever');
  writeFileSync(join(folder(company), 'mine.jsonl'), '{"type":"session","id":"mine"}\n');
  const hooks = [];
  for (let i = 0; i < 5; i++) hooks.push(await hook(company, `echo:one${i}`));
  await company.ask('manager', 'echo:again', '--session', `hook:${hooks[0]}`);
  await company.ask('manager', 'echo:named', '--session', 'project');
  await company.post('manager', { message: 'echo:x' }, {});
  await company.hook('manager', '/hooks/wake', { text: 'echo:woken' });
  const noted = await hook(company, 'echo:noted');
  await written(company, `hook:${noted}`);
  appendFileSync(index(company)[`agent:main:hook:${noted}`].sessionFile, '{"type":"message","id":"0badcafe","note":"by a person"}\n');
  await written(company, 'main');
  await company.keepFor('1s');
  await company.reborn('gateway-manager', company.kill('gateway-manager')); // it, too, reads how long to keep
  await left(company);
  const keep = [`hook:${hooks[0]}`, `hook:${noted}`, 'main', 'project'].map((key) => `agent:main:${key}`).sort();
  await until('the others have gone', () => Object.keys(index(company)).sort().join() === keep.join());
  await until('and their files', () => files(company).length === keep.length + 1);
  for (const key of keep) assert.ok(existsSync(index(company)[key].sessionFile), key);
  assert.match(transcript(company, `hook:${hooks[0]}`), /echo one0[^]*echo again/);
  assert.match(transcript(company, `hook:${noted}`), /by a person/);
  assert.equal(read(company, 'mine.jsonl'), '{"type":"session","id":"mine"}\n');
  await until('the ledger knows only what can be come back to', async () => (await known(company)).join() === [`hook:${hooks[0]}`, 'main', 'project'].sort().join());
  const archive = readdirSync(join(company.dir, 'state/archive')).filter((name) => name.endsWith('.jsonl')).map((name) => readFileSync(join(company.dir, 'state/archive', name), 'utf8')).join('');
  for (const id of hooks) assert.match(archive, new RegExp(`"t":"task","root":"${id}"`));
  assert.match(archive, /echo one4/);
  // The agent remembers what was said in a named session, though its task has left.
  const { json } = await company.ask('manager', 'and now?', '--session', 'project');
  assert.ok(json, 'asked again');
  await until('the transcript has both', () => /echo:named[^]*and now\?/.test(transcript(company, 'project')));
  await company.check();
});

test('with `forever` no transcript goes, not even one that was marked before', async (t) => {
  const company = await open(t, 'forever');
  const id = await hook(company, 'echo:kept');
  assert.match(await written(company, `hook:${id}`), /echo kept/);
  // Marked while the agent was away; then the owner thinks better of it.
  await until('the hub knows that it is written', async () => (await company.api('GET', '/v1/sessions?agent=manager')).json.items[0].projected === 1);
  assert.equal((await company.hq('stop', 'manager')).code, 0);
  await company.keepFor('1s');
  await left(company);
  await company.keepFor('forever');
  assert.equal((await company.hq('start', 'manager')).code, 0);
  const other = await hook(company, 'echo:other');
  await written(company, `hook:${other}`);
  const { json } = await company.api('GET', '/v1/sessions/manager/retired', undefined, company.token('manager'));
  assert.deepEqual(json.items.map((item) => item.key), [`hook:${id}`]);
  assert.match(transcript(company, `hook:${id}`), /echo kept/);
});

test('a gateway or hub that dies while transcripts are removed makes up for it', async (t) => {
  const groups = [
    ['gateway-manager/retired.asked#1', 'gateway-manager/transcript.index.before#1', 'gateway-manager/transcript.index.after#1'],
    ['gateway-manager/transcript.removed#1', 'gateway-manager/transcript.removed#3'],
    ['gateway-manager/retired.removed#1', 'hub/hub.sessions.gone#1', 'gateway-manager/retired.told#1'],
  ];
  for (const points of groups) {
    await t.test(points.join(' '), async (t) => {
      const company = await open(t, '1s', { up: false });
      const crash = join(company.dir, 'crash');
      mkdirSync(crash);
      company.env = { HQ_CRASH_DIR: crash, HQ_CRASH_AT: points.join(',') };
      await company.up();
      const sent = await Promise.all(Array.from({ length: 6 }, (_, i) => company.post('manager', { message: `echo:d${i}` })));
      await company.hook('manager', '/hooks/wake', { text: 'echo:woken' });
      await until('all have died', () => readdirSync(crash).filter((name) => name.startsWith('fired.')).length === points.length);
      await left(company);
      await until('what is left is the main session', () => Object.keys(index(company)).join() === 'agent:main:main' && files(company).length === 1);
      await until('the ledger, too', async () => (await known(company)).join() === 'main');
      assert.match(await written(company, 'main'), /echo woken/);
      const archive = readdirSync(join(company.dir, 'state/archive')).filter((name) => name.endsWith('.jsonl')).map((name) => readFileSync(join(company.dir, 'state/archive', name), 'utf8')).join('');
      for (const { json } of sent) assert.match(archive, new RegExp(`"t":"end","root":"${json.runId}"`));
      await company.check();
    });
  }
});

test('only the agent itself may put its sessions away', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  const path = '/v1/sessions/manager/retired';
  for (const token of ['operator', 'tech-lead', 'manager.hooks']) {
    assert.equal((await company.api('GET', path, undefined, company.token(token))).status, 403, token);
    assert.equal((await company.api('POST', path, { gone: ['main'] }, company.token(token))).status, 403, token);
  }
  await company.ask('manager', 'echo:x', '--session', 'main');
  const { status, json } = await company.api('POST', path, { gone: ['main', 7, 'no such'] }, company.token('manager'));
  assert.deepEqual([status, json], [200, { gone: 0 }]);
  assert.deepEqual(await known(company), ['main']);
});
