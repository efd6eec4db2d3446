// The feed: every event of every stream, once and in order, for whoever comes back with a cursor;
// and it says so where something may be missing.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, until } from './company.mjs';
import { eventsOf, Follower } from './follower.mjs';

const streamsOf = (follower) => new Set(follower.events.map(({ data }) => data.stream));

// What was followed from the start is what the ledger has: nothing twice, nothing missing, in order.
async function compare(company, follower) {
  await until('all is followed', async () => {
    const followed = new Set(follower.events.map(({ data }) => `${data.stream} ${data.seq}`));
    return [...(await eventsOf(company, streamsOf(follower))).keys()].every((key) => followed.has(key));
  });
  const seen = new Map();
  for (const { id, event, data } of follower.events) {
    const key = `${data.stream} ${data.seq}`;
    assert.ok(!seen.has(key), `twice: ${key}`);
    assert.equal(id, data.cursor);
    assert.equal(event, data.type);
    seen.set(key, data);
  }
  const last = {};
  for (const { data } of follower.events) {
    assert.equal(data.seq, (last[data.stream] ?? 0) + 1, `${data.stream}: in order, without gaps`);
    last[data.stream] = data.seq;
  }
  const stored = await eventsOf(company, streamsOf(follower));
  for (const [key, event] of stored) {
    const { type, at, actor, body } = seen.get(key);
    assert.deepEqual({ type, at, actor, body: body ?? undefined }, { type: event.type, at: event.at, actor: event.actor, body: event.body });
  }
  return stored.size;
}

test('a follower sees what happens, filtered as it asked', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  const all = new Follower(company, '?from=start'), now = new Follower(company), tcp = new Follower(company, '', { tcp: true });
  t.after(() => [all, now, tcp].forEach((one) => one.close()));
  await until('all follow', () => all.opened && now.opened && tcp.opened && all.events.length > 0 && now.reader.lastId);
  assert.match(all.headers['content-type'], /^text\/event-stream/);
  assert.equal(all.reader.retry, 1000);
  assert.ok(all.events.some(({ event }) => event === 'agent.registered'));

  const { task } = await company.ask('manager', 'echo:one');
  const other = await company.ask('tech-lead', 'echo:two');
  const ended = (one) => one.events.filter(({ event }) => event === 'task.finished').length;
  await until('both ends are seen', () => [all, now, tcp].every((one) => ended(one) === 2));
  assert.ok(now.events.every(({ data }) => data.seq > 0 && !data.type.startsWith('agent.')), 'from now on');
  await compare(company, all);
  await until('all are as far', () => [now, tcp].every((one) => one.reader.lastId === all.reader.lastId));
  const ofTasks = (one) => one.events.filter(({ data }) => [task.id, other.task.id].includes(data.stream)).map(({ id }) => id);
  assert.deepEqual(ofTasks(now), ofTasks(all));
  assert.deepEqual(ofTasks(tcp), ofTasks(all));

  const one = new Follower(company, `?from=start&stream=${task.id}`);
  const types = new Follower(company, '?from=start&types=task.finished&types=call.');
  const root = new Follower(company, `?from=start&root=${other.task.id}`);
  t.after(() => [one, types, root].forEach((each) => each.close()));
  await until('filtered', () => ended(one) === 1 && ended(types) === 2 && ended(root) === 1);
  assert.deepEqual([...streamsOf(one)], [task.id]);
  assert.deepEqual([...streamsOf(root)], [other.task.id]);
  assert.ok(types.events.every(({ event }) => event === 'task.finished' || event.startsWith('call.')));
  const last = new Follower(company, '?from=-3&types=call.'), more = new Follower(company, '?from=-100000');
  t.after(() => [last, more].forEach((each) => each.close()));
  await until('the last', () => last.events.length >= 3 && more.events.length >= all.events.length);
  assert.deepEqual(last.events.map(({ id }) => id), all.events.filter(({ event }) => event.startsWith('call.')).slice(-3).map(({ id }) => id), 'no more than asked for');
  assert.equal(more.events[0].id, all.events[0].id);
  // Those who filter get the cursor of what they were spared, too.
  await until('the cursor moves on', () => one.reader.lastId === all.reader.lastId);
});

test('a cursor that does not fit is answered with a gap, a caller that may not with a refusal', async (t) => {
  const company = await Company.open(t);
  const first = new Follower(company, '?from=start');
  t.after(() => first.close());
  await company.ask('manager', 'echo:some');
  await until('events', () => first.events.some(({ event }) => event === 'task.completed') && first.events.length > 5);
  const cursor = first.reader.lastId;
  assert.match(cursor, /^[0-9a-z]{24}$/);
  const bent = (cursor[0] === '0' ? '1' : '0') + cursor.slice(1);
  for (const bad of [bent, 'x', '%20', 'z'.repeat(5000)]) {
    const lost = new Follower(company, `?cursor=${bad}`);
    t.after(() => lost.close());
    await until(`a gap for ${bad.slice(0, 30)}`, () => lost.gaps.length === 1);
    assert.equal(lost.gaps[0].data.why, 'unknown_cursor');
    assert.equal(lost.gaps[0].id, first.reader.lastId, 'and goes on from now');
  }
  const again = new Follower(company, `?cursor=${first.events[0].id}`);
  t.after(() => again.close());
  await until('the rest', () => again.events.length === first.events.length - 1);
  assert.deepEqual(again.events.map(({ id }) => id), first.events.slice(1).map(({ id }) => id), 'exactly behind it');
  assert.deepEqual(again.gaps, []);

  assert.equal((await company.api('GET', '/v1/feed', undefined, company.token('manager'))).status, 403);
  assert.equal((await company.api('GET', '/v1/feed', undefined, 'wrong')).status, 401);
  for (const bad of ['yesterday', '-0', '-x', '-100001', '--3']) assert.equal((await company.api('GET', `/v1/feed?from=${bad}`)).status, 400, bad);
  assert.equal((await company.api('HEAD', '/v1/feed')).status, 200);
});

test('killed again and again under a follower, the hub loses nothing and tells nothing twice', async (t) => {
  const company = await Company.open(t, { agents: 3 });
  const all = new Follower(company, '?from=start'), tasks = new Follower(company, '?from=start&types=task.');
  t.after(() => [all, tasks].forEach((one) => one.close()));
  await until('it follows', () => all.events.length > 0);
  let stop = false, sent = 0;
  const work = (async () => {
    for (; !stop; sent++) await company.post(['manager', 'tech-lead', 'secretary'][sent % 3], { message: `echo:n${sent}`, name: 'load' }).catch(() => {});
  })();
  for (let i = 0; i < 8; i++) {
    const before = all.events.length;
    await until('more events', () => all.events.length > before + 20);
    await company.reborn('hub', company.kill('hub'));
  }
  stop = true;
  await work;
  await until('all is done', async () => {
    const lists = await Promise.all(['queued', 'working', 'waiting'].map((state) => company.api('GET', `/v1/tasks?state=${state}`)));
    return lists.every(({ json }) => json.items.length === 0);
  });
  const { json } = await company.api('GET', '/v1/tasks?limit=1000');
  const finished = (one) => one.events.filter(({ event }) => event === 'task.finished').length;
  await until('all ends are seen', () => finished(all) >= json.items.length && finished(tasks) >= json.items.length);
  assert.ok(all.opened >= 8, `opened ${all.opened} times`);
  assert.deepEqual(all.gaps.concat(tasks.gaps), []);
  const size = await compare(company, all);
  const ofTasks = all.events.filter(({ event }) => event.startsWith('task.')).map(({ id }) => id);
  await until('the other is as far', () => tasks.events.length >= ofTasks.length);
  assert.deepEqual(tasks.events.map(({ id }) => id), ofTasks);
  t.diagnostic(`${sent} hooks, ${json.items.length} tasks, ${size} events, ${all.opened} connections`);
});

const pss = (pid) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);

// A client that asks and then reads nothing.
function deafClient(company, path) {
  const socket = net.connect(join(company.dir, 'state/hub.sock'));
  socket.on('error', () => {});
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer ${company.token('operator')}\r\n\r\n`);
  return socket;
}

test('a thousand clients are served, some of them deaf, within bounds', async (t) => {
  const company = await Company.open(t);
  const hub = company.pid('hub'), before = pss(hub);
  const deaf = Array.from({ length: 50 }, () => deafClient(company, '/v1/feed?from=start'));
  const many = Array.from({ length: 940 }, (_, i) => new Follower(company, '', { tcp: i % 2 === 0 }));
  t.after(() => {
    deaf.forEach((one) => one.destroy());
    many.forEach((one) => one.close());
  });
  await until('all follow', () => many.every((one) => one.opened === 1 && one.reader.lastId));
  const idle = pss(hub);
  for (let i = 0; i < 20; i++) await company.post('manager', { message: `echo:m${i}` });
  const ends = (one) => one.events.filter(({ event }) => event === 'task.finished').length;
  await until('all saw all', () => many.every((one) => ends(one) === 20));
  const ids = many[0].events.map(({ id }) => id).join();
  assert.ok(many.every((one) => one.events.map(({ id }) => id).join() === ids && one.gaps.length === 0));
  const busy = pss(hub);
  t.diagnostic(`PSS of the hub: ${before} kB, with 990 clients ${idle} kB, behind ${many[0].events.length} events ${busy} kB`);
  assert.ok(busy - before < 100 * 1024, 'at most 100 kB a client');

  // Whoever leaves is noticed, and its place is free.
  for (const one of many.slice(10)) one.close();
  const parked = async () => Number(/^hq_parked_requests (\d+)$/m.exec((await company.api('GET', '/metrics')).text)[1]);
  await until('the others have gone', async () => (await parked()) < 80);
  const { task } = await company.ask('manager', 'echo:after');
  await until('those who stay go on', () => many.slice(0, 10).every((one) => one.events.some(({ data }) => data.stream === task.id)));
});
