// What is over for long leaves the ledger, and is in the archive; what is not, stays.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Company, until } from './company.mjs';

function archiveOf(company) {
  const dir = join(company.dir, 'state/archive');
  if (!existsSync(dir)) return '';
  return readdirSync(dir).filter((name) => name.endsWith('.jsonl')).map((name) => readFileSync(join(dir, name), 'utf8')).join('');
}

const linesOf = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

test('requests that are over go into the archive; status tells the sizes', async (t) => {
  const company = await Company.open(t, { agents: 1, change: (config) => { config.retention = '2s'; } });
  const done = [];
  for (let i = 0; i < 5; i++) done.push((await company.ask('manager', `echo:n${i}`)).task.id);
  const open = await company.post('manager', { message: 'forever' });
  await until('they have left', async () => {
    const { json } = await company.api('GET', '/v1/tasks?limit=100');
    return json.items.length === 1 && json.items[0].id === open.json.runId;
  });
  const lines = linesOf(archiveOf(company));
  for (const task of done) {
    const of = lines.filter((line) => line.root === task);
    assert.ok(of.some((line) => line.t === 'task' && line.row.id === task), `the task ${task}`);
    assert.ok(of.some((line) => line.t === 'handoff'));
    assert.ok(of.some((line) => line.t === 'event' && line.row.hash));
    assert.equal(of.at(-1).t, 'end');
  }
  const [name] = readdirSync(join(company.dir, 'state/archive')).filter((entry) => entry.endsWith('.jsonl'));
  assert.equal(statSync(join(company.dir, 'state/archive', name)).mode & 0o777, 0o600);
  const shown = await company.hq('task', 'show', done[0]);
  assert.notEqual(shown.code, 0);
  assert.match(shown.stderr, /has left the ledger/);
  assert.match(shown.stderr, /state\/archive\/\d{4}-\d\d\.jsonl/);
  const status = await company.hq('status', '--json');
  for (const key of ['ledger_bytes', 'wal_bytes', 'blob_bytes', 'archive_bytes', 'free_bytes'])
    assert.equal(typeof status.json.store[key], 'number', status.stdout);
  assert.ok(status.json.store.ledger_bytes > 0);
  await company.check();
  const pid = company.kill('hub');
  await company.reborn('hub', pid);
  await company.check();
});

test('with `forever` everything stays', async (t) => {
  const company = await Company.open(t, { agents: 1, change: (config) => { config.retention = 'forever'; } });
  const { task: { id: task } } = await company.ask('manager', 'echo:one');
  assert.equal((await company.hq('config', 'explain', 'retention')).code, 0);
  await company.task(task);
  assert.equal(archiveOf(company), '');
  await company.check();
});
