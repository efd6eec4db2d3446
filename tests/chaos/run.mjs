// Chaos: thousands of tasks that delegate to each other, over eight agents, while agents and the hub
// are killed at random moments. Nothing may be lost, doubled or left open.
// usage: run.mjs [--tasks N] [--seed N] [--kill-every MS]
import assert from 'node:assert/strict';
import http from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Company, processesOf, until } from '../stories/company.mjs';

const { values: options } = parseArgs({ options: {
  tasks: { type: 'string', default: '10000' },
  seed: { type: 'string', default: String(Date.now() % 1000000) },
  'kill-every': { type: 'string', default: '700' },
} });
const TASKS = Number(options.tasks);
const PER_ROOT = 4; // one that asks, three that answer
const ROOTS = Math.ceil(TASKS / PER_ROOT);
const AT_ONCE = 48;

// mulberry32: the same seed kills in the same order.
let state = Number(options.seed);
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const pick = (list) => list[Math.floor(random() * list.length)];

const delegate = (agent) => ({ tool: 'delegate', with: { agent, instruction: `part {{1}} for ${agent}` } });
const names = Company.names;
const rules = [
  { when: { user: '/part ([0-9]+) for/' }, say: 'part {{1}} by {{model}}' },
  ...names.map((name, i) => ({ when: { model: name, user: '/whole ([0-9]+)/', step: 0 }, say: 'All at once.',
    call: [1, 2, 3].map((k) => delegate(names[(i + k) % names.length])) })),
  { when: { user: '/whole ([0-9]+)/', step: 1 }, say: 'whole {{1}} by {{model}}' },
  { say: 'no rule for: {{user}}' },
];

const company = await Company.open(null, { agents: 8, script: rules, change: (config) => {
  for (const agent of Object.values(config.agents)) {
    agent.delegates = ['*'];
    agent.tools = { allow: ['delegate'] };
  }
} });
const operator = company.token('operator');
const wires = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });

// One call of the hub, repeated while it is away: every write carries its key.
function insist(method, path, body) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return until(`${method} ${path}`, () => new Promise((done, fail) => {
    const request = http.request({ socketPath: join(company.dir, 'state/hub.sock'), method, path, agent: wires,
      headers: { authorization: `Bearer ${operator}`, ...(text ? { 'content-length': Buffer.byteLength(text) } : {}) } }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (part) => (answer += part));
      response.on('end', () => (response.statusCode < 300 ? done(JSON.parse(answer)) : done(null)));
      response.on('error', fail);
    });
    request.on('error', fail);
    request.end(text);
  }), 120000);
}

let stopped = false, kills = {};

async function killer() {
  const victims = ['hub', ...names.map((name) => `gateway-${name}`)];
  while (!stopped) {
    await new Promise((done) => setTimeout(done, Number(options['kill-every']) * (0.5 + random())));
    const name = pick(victims);
    const pid = company.pid(name);
    if (!pid || stopped) continue;
    try {
      process.kill(pid, 'SIGKILL');
      const role = name.split('-')[0];
      kills[role] = (kills[role] ?? 0) + 1;
    } catch {
      // It died by itself meanwhile.
    }
  }
}

let next = 0, ended = 0;
const roots = [];

async function worker() {
  while (next < ROOTS) {
    const i = next++;
    const agent = names[i % names.length];
    const { task } = await insist('POST', '/v1/tasks', { agent, kind: 'ask', key: `root ${i}`, instruction: `whole ${i}` });
    roots[i] = { id: task.id, agent };
    await until(`${task.id} ends`, async () => {
      const { task: now } = await insist('GET', `/v1/tasks/${task.id}?wait_ms=20000`);
      return ['done', 'failed', 'cancelled', 'timed_out'].includes(now.state);
    }, 300000);
    if (++ended % 500 === 0) console.log(`${ended} of ${ROOTS} requests ended, ${JSON.stringify(kills)} killed`);
  }
}

async function checkRoot({ id, agent }, i) {
  const { items } = await insist('GET', `/v1/tasks/${id}/tree`);
  assert.equal(items.length, PER_ROOT, `request ${i}: ${items.length} tasks`);
  for (const { task, handoff } of items) {
    assert.equal(task.state, 'done', `${task.id}: ${task.state} ${task.failure_message}`);
    assert.equal(handoff.result, `${task.id === id ? 'whole' : 'part'} ${i} by ${task.agent}`);
  }
  assert.equal(new Set(items.map((item) => item.task.agent)).size, PER_ROOT);
  assert.equal(items.find((item) => item.task.id === id).task.agent, agent);
}

const memory = () => processesOf(company.dir).reduce((sum, { pid }) =>
  sum + Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]), 0);

try {
  console.log(`${ROOTS} requests of ${PER_ROOT} tasks, seed ${options.seed}`);
  const began = Date.now();
  const killing = killer();
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const seconds = (Date.now() - began) / 1000;
  stopped = true;
  await killing;
  await until('everybody is back', () => ['hub', ...names.map((name) => `gateway-${name}`)].every((name) => company.lock(name)?.ready));
  const megabytes = (memory() / 1024).toFixed(1);
  for (const [i, root] of roots.entries()) await checkRoot(root, i);
  let total = 0;
  for (let before = ''; before !== undefined;) {
    const { items, next: further } = await insist('GET', `/v1/tasks?limit=1000${before && `&before=${before}`}`);
    total += items.length;
    before = further;
  }
  assert.equal(total, ROOTS * PER_ROOT, 'no task twice');
  await company.check();
  const killed = Object.entries(kills).map(([role, count]) => `${count} ${role}`).join(', ');
  console.log(`${total} tasks in ${seconds.toFixed(1)} s (${(total / seconds).toFixed(0)}/s) with ${killed || 'nobody'} killed: ` +
    `0 lost, 0 doubled, all ended; ${megabytes} MB PSS at the end`);
  console.log('1 passed, 0 failed');
} catch (error) {
  console.log(`FAILED with seed ${options.seed}\n${error.stack}`);
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
} finally {
  stopped = true;
  wires.destroy();
  await company.close();
}
