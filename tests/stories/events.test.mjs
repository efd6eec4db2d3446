// hq events: what the ledger has, once and in order, whatever happens to the hub meanwhile.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, Company, until } from './company.mjs';
import { open } from './folders.mjs';
import { eventsOf } from './follower.mjs';
import { Following } from './following.mjs';
import { inTerminal } from './terminal.mjs';

// Every event of the ledger stands there once, each stream in order.
async function compare(company, lines) {
  const seen = new Map(), last = {};
  for (const event of lines) {
    const key = `${event.stream} ${event.seq}`;
    assert.ok(!seen.has(key), `twice: ${key}`);
    assert.equal(event.seq, (last[event.stream] ?? 0) + 1, `${key}: in order, without gaps`);
    last[event.stream] = event.seq;
    seen.set(key, event);
  }
  const stored = await eventsOf(company, new Set(Object.keys(last)));
  assert.deepEqual([...stored.keys()].filter((key) => !seen.has(key)), [], 'not seen');
  for (const [key, { type, at }] of stored) assert.deepEqual([seen.get(key).type, seen.get(key).at], [type, at]);
  return stored.size;
}

// Until nothing follows any more: what is behind the end of a task is written a moment later.
const settled = (company, tasks) => until('all is written', async () => {
  const { stdout } = await company.hq('events', '--json', '--type', 'task.completed');
  return stdout.split('\n').filter(Boolean).length >= tasks;
});

// Lets go what waits for it.
const release = (company) => writeFileSync(join(company.workspace('manager'), 'go'), '');

const finished = (lines) => lines.filter(({ type }) => type === 'task.finished').length;

test('what is there is shown, then it ends; filters, cursors, and lines for people', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  const { task } = await company.ask('manager', 'echo:one');
  const other = (await company.ask('tech-lead', 'echo:two')).task;
  const events = async (...args) => {
    const result = await company.hq('events', '--json', ...args);
    assert.equal(result.code, 0, result.stderr);
    return result.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  };
  await settled(company, 2);
  const all = await events();
  await compare(company, all);
  assert.equal(finished(all), 2);
  assert.deepEqual(await events('--since', 'start'), all);
  assert.deepEqual(await events('--since', all[4].cursor), all.slice(5));
  assert.deepEqual(await events('--since', all.at(-1).cursor), []);
  assert.deepEqual(await events('--type', 'task.', '--type', 'call.rec'), all.filter(({ type }) => /^task\.|^call\.rec/.test(type)));
  assert.deepEqual(await events('--task', task.id.slice(0, 12)), all.filter(({ stream }) => stream === task.id));
  assert.deepEqual(await events('--request', other.id, '--type', 'task.finished'), all.filter(({ stream, type }) => stream === other.id && type === 'task.finished'));

  assert.deepEqual(await events('-n', '3'), all.slice(-3));
  assert.deepEqual(await events('-n', '0'), all);
  assert.deepEqual(await events('-n', '100000'), all);
  assert.deepEqual(await events('-n', '2', '--since', all.at(-2).cursor), all.slice(-1));
  assert.deepEqual(await events('-n', '1', '--type', 'task.finished', '--task', task.id), all.filter(({ stream, type }) => stream === task.id && type === 'task.finished'));
  assert.deepEqual(await events('-n', '2', '--request', other.id), all.filter(({ stream }) => stream === other.id).slice(-2));
  const text = await company.hq('events', '--task', task.id);
  assert.match(text.stdout, /^\d{4}-\d\d-\d\d \(UTC\)\n\d\d:\d\d:\d\d  t-\w{8}  task\.submitted +operator: /);
  assert.match(text.stdout, /task\.finished +manager: done, complete\n$/);
  assert.ok(text.stdout.split('\n').every((line) => line.length <= 80), text.stdout);

  const lost = await events('--since', `${'z'.repeat(23)}0`);
  assert.deepEqual(lost.map(({ type, why }) => [type, why]), [['gap', 'unknown_cursor']]);
  assert.match((await company.hq('events', '--since', `${'z'.repeat(23)}0`)).stdout, /^-- gap: .*cursor/);
  for (const bad of [['-n', 'x'], ['-n', '100001'], ['--since', 'yesterday'], ['--type', 'a&b'], ['--task', '../x'], ['--task', 't-000000']]) {
    const { code, json } = await company.hq('events', '--json', ...bad);
    assert.equal(code, 2, bad.join(' '));
    assert.equal(json.ok, false);
  }
});

test('a request has the events of its runs, too', async (t) => {
  const company = await open(t, { quick: { steps: { a: { agent: 'manager', task: 'echo:a' } } } }, { agents: ['manager'] });
  const { run } = (await company.hq('flow', 'run', 'quick', '--json')).json;
  for (const id of [run.id, run.task]) {
    const types = (await company.hq('events', '--request', id, '--json')).stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line).type);
    assert.deepEqual([types.includes('run.started'), types.includes('step.ended'), finished(types.map((type) => ({ type })))], [true, true, 2], types.join(' '));
  }
});

test('Ctrl-C leaves with 130 and the way to go on, behind what was seen; --timeout with 124', async (t) => {
  const company = await Company.open(t);
  const first = new Following(t, company, 'events', '-f', '--json', '--since', 'start');
  await company.ask('manager', 'echo:one');
  await until('the end is seen', () => finished(first.lines) === 1);
  await until('and what is behind it', () => first.lines.some(({ type }) => type === 'task.completed'));
  assert.equal(await first.interrupt(), 130);
  const [, cursor] = /go on with: hq -C \S+ events -f --since (\w{24})\n$/.exec(first.said);
  await company.ask('manager', 'echo:two');
  const second = new Following(t, company, 'events', '-f', '--json', '--since', cursor);
  await until('the rest', () => finished(second.lines) === 1 && second.lines.some(({ type }) => type === 'task.completed'));
  assert.equal(await second.interrupt(), 130);
  await compare(company, first.lines.concat(second.lines));
  assert.equal((await company.hq('events', '-f', '--timeout', '300ms')).code, 124);
});

test('-f -n N begins with the last N and goes on behind them, nothing twice', async (t) => {
  const company = await Company.open(t);
  await company.ask('manager', 'echo:one');
  await settled(company, 1);
  const all = (await company.hq('events', '--json')).stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const follower = new Following(t, company, 'events', '-f', '-n', '4', '--json');
  await until('the last are there', () => follower.lines.length >= 4);
  assert.deepEqual(follower.lines.slice(0, 4).map((line) => line.cursor), all.slice(-4).map((line) => line.cursor));
  await company.ask('manager', 'echo:two');
  await until('it goes on', () => finished(follower.lines.slice(4)) === 1);
  assert.equal(await follower.interrupt(), 130);
  const whole = (await company.hq('events', '--json', '--since', all.at(-5).cursor)).stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line).cursor);
  assert.deepEqual(follower.lines.map((line) => line.cursor), whole.slice(0, follower.lines.length));
});

test('the hub is killed again and again under hq events -f: every event once, in order', async (t) => {
  const company = await Company.open(t, { agents: 3 });
  const all = new Following(t, company, 'events', '-f', '--json', '--since', 'start');
  const ends = new Following(t, company, 'events', '-f', '--since', 'start', '--type', 'task.finished');
  await until('it follows', () => all.lines.length > 0);
  let stop = false, sent = 0;
  const work = (async () => {
    for (; !stop; sent++) await company.post(['manager', 'tech-lead', 'secretary'][sent % 3], { message: `echo:n${sent}`, name: 'load' }).catch(() => {});
  })();
  const kills = 5;
  for (let i = 0; i < kills; i++) {
    const before = all.lines.length;
    await until('more events', () => all.lines.length > before + 20);
    await company.reborn('hub', company.kill('hub'));
  }
  stop = true;
  await work;
  await until('all is done', async () => {
    const lists = await Promise.all(['queued', 'working', 'waiting'].map((state) => company.api('GET', `/v1/tasks?state=${state}`)));
    return lists.every(({ json }) => json.items.length === 0);
  });
  const { json } = await company.api('GET', '/v1/tasks?limit=1000');
  const shown = () => ends.lines.filter((line) => line.includes('task.finished')).length;
  await until('all ends are seen', () => finished(all.lines) === json.items.length && shown() === json.items.length);
  const chronicle = async () => (await eventsOf(company, new Set(['chronicle']))).size;
  await until('the chronicle, too', async () => all.lines.filter(({ stream }) => stream === 'chronicle').length === (await chronicle()));
  assert.ok(all.lines.every(({ type }) => type !== 'gap'));
  const size = await compare(company, all.lines);
  const times = all.said.split('the hub is away; trying again\n').length - 1;
  assert.ok(times >= 1 && times <= kills, `said ${times} times: ${all.said}`);
  assert.deepEqual([await all.interrupt(), await ends.interrupt()], [130, 130]);
  t.diagnostic(`${json.items.length} tasks, ${size} events, ${kills} kills`);
});

test('hq task watch goes on over a killed hub and ends with the task', async (t) => {
  const company = await Company.open(t);
  const asked = await company.hq('ask', 'manager', 'sh:`until [ -e go ]; do sleep 0.05; done`', '--no-wait', '--json');
  const { id } = asked.json.task;
  const watch = new Following(t, company, 'task', 'watch', id.slice(0, 14), '--json');
  await until('it watches', () => watch.lines.some(({ type }) => type === 'call.intended'));
  await company.reborn('hub', company.kill('hub'));
  release(company);
  await until('it has ended', () => watch.code !== undefined);
  assert.equal(watch.code, 0, watch.said);
  assert.match(watch.said, /^(the hub is away; trying again\n)?$/);
  const { json } = await company.api('GET', `/v1/events?stream=${id}&limit=1000`);
  assert.deepEqual(watch.lines, json.items);
  const again = await company.hq('task', 'watch', id);
  assert.equal(again.code, 0);
  assert.equal(again.stdout.trim().split('\n').length, json.items.length);

  const other = (await company.hq('ask', 'manager', 'forever', '--no-wait', '--json')).json.task.id;
  const left = new Following(t, company, 'task', 'watch', other);
  await until('it watches', () => left.lines.length > 0);
  assert.equal(await left.interrupt(), 130);
  assert.match(left.said, /the task goes on; come back with: hq task watch t-/);
  assert.equal((await company.hq('task', 'watch', other, '--timeout', '200ms')).code, 124);
  assert.equal((await company.hq('task', 'watch', 't-000000')).code, 2);
  await company.cancelAll();
});

test('hq status --watch: a document for each change, over a killed hub and a company that stops', async (t) => {
  const company = await Company.open(t);
  const watch = new Following(t, company, 'status', '--watch', '--json');
  const last = () => watch.lines.at(-1);
  const agent = () => last()?.agents?.[0];
  await until('it looks', () => agent()?.state === 'idle');
  const before = watch.lines.length;
  const shown = (await company.hq('ask', 'manager', 'sh:`until [ -e go ]; do sleep 0.05; done`', '--no-wait', '--json')).json.task.id;
  await until('the work is seen', () => watch.lines.slice(before).some((line) => line.agents?.[0].task?.id === shown));
  release(company);
  const killed = company.kill('hub');
  await until('the new hub is seen', () => last().hub?.answers && last().hub.pid !== killed);
  await until('it is idle again', () => last().state === 'running' && agent()?.state === 'idle' && last().hub.answers);
  // Clocks alone are no change.
  const count = watch.lines.length;
  assert.equal((await company.hq('status', '--watch', '--timeout', '2500ms')).code, 124);
  assert.ok(watch.lines.length <= count + 1, JSON.stringify(watch.lines.slice(count - 1)));
  const { code, stdout } = await company.hq('status', '--watch', '--timeout', '1500ms');
  assert.equal(code, 124);
  assert.equal(stdout, (await company.hq('status')).stdout.replace(/^.*\n/, stdout.split('\n')[0] + '\n'), 'one picture');
  await company.hq('down');
  await until('it is down', () => last().state === 'down');
  await company.up();
  await until('and back', () => last().state === 'running');
  assert.equal(await watch.interrupt(), 130);
});

test('hq status --watch draws over its picture: no clearing of the screen, no more lines than fit', async (t) => {
  const company = await Company.open(t, { agents: 3 });
  const shell = await inTerminal(`sh -c 'stty rows 4; exec ${binary} -C ${company.dir} status --watch'`, [[/\u001b\[H[^]*\u001b\[H[^]*\u001b\[H/, '\u0003']]);
  assert.equal(shell.code, 130, shell.out);
  assert.ok(!shell.out.includes('\u001b[2J'), 'a screen that is cleared flickers');
  const frames = shell.out.split('\u001b[H').slice(1);
  assert.ok(frames.length >= 2, `${frames.length} pictures`);
  for (const frame of frames.slice(0, -1)) assert.ok(frame.split('\n').length <= 4, JSON.stringify(frame));
  assert.ok(frames[0].includes('\u001b[K'));
});
