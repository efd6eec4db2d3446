// Where the feed cannot go on exactly behind a cursor, it says so: retention has taken events, or the ledger is
// another one behind a restore. Both on the real thing, as hq events shows them.
import assert from 'node:assert/strict';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, Company, run, until } from './company.mjs';
import { Following } from './following.mjs';

const linesOf = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
const events = async (company, ...args) => {
  const { code, stdout, stderr } = await company.hq('events', '--json', ...args);
  assert.equal(code, 0, stdout + stderr);
  return linesOf(stdout);
};

test('retired: a cursor from before what retention removed; the gap says up to where, and what is left follows once', async (t) => {
  const company = await Company.open(t, { change: (config) => { config.retention = 'forever'; } });
  const { task } = await company.ask('manager', 'echo:old');
  const before = await events(company);
  const { cursor } = before.find(({ stream }) => stream === task.id);
  await company.keepFor('1s');
  await until('it is retired', async () => (await company.api('GET', `/v1/tasks/${task.id}`)).status === 410);
  await company.keepFor('forever');
  const kept = await company.ask('manager', 'echo:kept');

  const behind = await events(company, '--since', cursor);
  assert.deepEqual([behind[0].type, behind[0].why, behind[0].cursor], ['gap', 'retired', cursor]);
  assert.match(behind[0].up_to, /^[0-9a-z]{24}$/);
  assert.equal(behind.filter(({ type }) => type === 'gap').length, 1);
  assert.ok(behind.some(({ stream, type }) => stream === kept.task.id && type === 'task.finished'));
  assert.ok(!behind.some(({ stream }) => stream === task.id));
  const [after] = await events(company, '--since', behind[0].up_to);
  assert.notEqual(after.type, 'gap', 'behind the gap nothing is missing');
  const [first] = await events(company);
  assert.equal(first.why, 'retired', 'from the start, too');
  const text = await company.hq('events', '--since', cursor);
  assert.match(text.stdout, /^-- gap: older events were taken away by retention; those left follow\n\d{4}-\d\d-\d\d \(UTC\)\n/);

  // Who follows on through the removal has seen it all, and is told of no gap.
  const follower = new Following(t, company, 'events', '-f', '--json', '--since', behind.at(-1).cursor);
  await company.keepFor('1s');
  await until('the next has left', async () => (await company.api('GET', `/v1/tasks/${kept.task.id}`)).status === 410);
  const last = await company.ask('manager', 'echo:last');
  await until('it is seen', () => follower.lines.some(({ stream, type }) => stream === last.task.id && type === 'task.finished'));
  assert.deepEqual(follower.lines.filter(({ type }) => type === 'gap'), []);
  assert.equal(await follower.interrupt(), 130);
});

test('other_ledger: a cursor from before a restore; whoever follows is told, and loses nothing from then on', async (t) => {
  const company = await Company.open(t);
  const first = await company.ask('manager', 'echo:first');
  const file = join(company.dir, 'early.hqb.tar');
  assert.equal((await company.hq('backup', 'create', '-o', file)).code, 0);
  await company.ask('manager', 'echo:lost');
  const { cursor } = (await events(company)).at(-1);
  const json = new Following(t, company, 'events', '-f', '--json', '-n', '1');
  const text = new Following(t, company, 'events', '-f', '-n', '1');
  await until('both follow', () => json.lines.length >= 1 && text.lines.length >= 2);
  await company.hq('down');
  const place = `${company.dir}-early`;
  t.after(() => rmSync(place, { recursive: true, force: true }));
  assert.equal((await run(binary, ['backup', 'restore', file, '--to', place])).code, 0);
  rmSync(join(company.dir, 'state'), { recursive: true });
  renameSync(join(place, 'state'), join(company.dir, 'state'));
  await company.up();
  const gaps = () => json.lines.filter(({ type }) => type === 'gap');
  await until('both are told', () => gaps().length && /^-- gap: the cursor is of another ledger \(a restore\?\); from now on:$/m.test(text.text));
  const next = await company.ask('manager', 'echo:next');
  await until('and go on', () => [json, text].every((one) => one.text.includes(next.task.id.slice(0, 10))));
  assert.equal(gaps()[0].why, 'other_ledger');
  await until('to the end', () => json.lines.some(({ stream, type }) => stream === next.task.id && type === 'task.finished'));
  assert.equal(gaps().length, 1);
  const at = json.lines.findIndex(({ type }) => type === 'gap');
  assert.deepEqual(json.lines.slice(at + 1).map((line) => line.cursor), (await events(company, '--since', gaps()[0].cursor)).map((line) => line.cursor).slice(0, json.lines.length - at - 1));
  assert.deepEqual([await json.interrupt(), await text.interrupt()], [130, 130]);

  const old = await events(company, '--since', cursor);
  assert.deepEqual(old.map(({ type, why }) => [type, why]), [['gap', 'other_ledger']]);
  const shown = await company.hq('events', '--since', cursor);
  assert.equal(shown.code, 0);
  assert.equal(shown.stdout, '-- gap: the cursor is of another ledger (a restore?); from now on:\n-- what is there: hq events --since start\n');
  assert.ok((await events(company, '--since', 'start')).some(({ stream }) => stream === first.task.id));
});
