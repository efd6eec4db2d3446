// What working together costs: a round trip between two agents, tasks per second, parked tasks, routing.
// Medians, with the load beside them. usage: delegation.mjs [--runs N] [--parked N] [--agents N]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

import { Company, processesOf, until } from '../stories/company.mjs';

const { values: options } = parseArgs({ options: {
  runs: { type: 'string', default: '5' },
  parked: { type: 'string', default: '10000' },
  agents: { type: 'string', default: '1000' },
} });
const RUNS = Number(options.runs), PARKED = Number(options.parked), AGENTS = Number(options.agents);
const STEPS = 40;
const rows = [];
const row = (what, value, target = '') => rows.push([what, value, target]);
const sorted = (values) => [...values].sort((a, b) => a - b);
const quantile = (values, q) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * q))];
const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;

const pss = (company) => processesOf(company.dir).reduce((sum, { pid }) =>
  sum + Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]), 0) / 1024;

const ended = ['done', 'failed', 'cancelled', 'timed_out'];

// One call on a kept connection: a new one would cost more than what is measured.
function api(company, method, path, body) {
  company.wires ??= new http.Agent({ keepAlive: true, maxSockets: 64 });
  return new Promise((done, fail) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const request = http.request({ socketPath: join(company.dir, 'state/hub.sock'), method, path, agent: company.wires,
      headers: { authorization: `Bearer ${company.operator ??= company.token('operator')}`, ...(text ? { 'content-length': Buffer.byteLength(text) } : {}) } }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (part) => (answer += part));
      response.on('end', () => (response.statusCode < 300 ? done(JSON.parse(answer)) : fail(new Error(`${method} ${path}: ${response.statusCode} ${answer}`))));
    });
    request.on('error', fail);
    request.end(text);
  });
}

async function ask(company, agent, text, key = `${text} ${Math.random()}`) {
  const { task } = await api(company, 'POST', '/v1/tasks', { agent, kind: 'ask', key, instruction: text });
  return task.id;
}

async function end(company, id) {
  for (;;) {
    const { task, handoff } = await api(company, 'GET', `/v1/tasks/${id}?wait_ms=30000`);
    if (!ended.includes(task.state)) continue;
    if (task.state !== 'done') throw new Error(`${id}: ${task.state} ${task.failure_message}`);
    return { task, handoff };
  }
}

async function close(company) {
  company.wires?.destroy();
  await company.close();
}

const free = (config) => {
  config.limits = { depth: 4, tasks: 10000, live: 1000, fan_out: 1000, wall: '2h' };
  for (const agent of Object.values(config.agents)) {
    agent.delegates = ['*'];
    agent.tools = { allow: ['delegate', 'read'] };
  }
};

const delegate = (agent, instruction) => ({ tool: 'delegate', with: { agent, instruction } });
const chain = Array.from({ length: STEPS }, (_, step) => ({ when: { user: 'chain', step }, call: [delegate('webster', `{{user}} link ${step}`)] }));
const script = [
  { when: { user: 'link' }, say: 'linked' },
  { when: { user: 'part' }, say: 'my part' },
  { when: { user: '/all of you/', step: 0 }, call: [1, 2, 3].map((i) => delegate(Company.names[i], '{{user}} part')) },
  { when: { user: 'for ever', step: 0 }, call: [delegate('webster', 'sleep on {{user}}')] },
  ...chain,
  { say: 'heard: {{user}}' },
];

// From the commit that parked the parent to the commit that gave it out again, by the ledger's clock; and
// a whole turn of many delegations, divided.
async function measureRoundTrip(company) {
  const trips = [], whole = [];
  for (let run = 0; run < RUNS; run++) {
    const from = performance.now();
    const id = await ask(company, 'manager', `chain ${run}`);
    await end(company, id);
    whole.push((performance.now() - from) / STEPS);
    const { items } = await api(company, 'GET', `/v1/events?stream=${id}&limit=1000`);
    let parked = 0;
    for (const event of items) {
      if (event.type === 'task.parked') parked = Date.parse(event.at);
      if (event.type === 'task.claimed' && parked) trips.push(Date.parse(event.at) - parked);
    }
  }
  row('delegation round trip: parent parked → parent claimed again, p50', ms(quantile(trips, 0.5)), '≤ 4 ms');
  row('delegation round trip, p99', ms(quantile(trips, 0.99)));
  row('one delegation within a turn, everything but model time', ms(quantile(whole, 0.5)));
}

async function measureRate(company) {
  const rates = [];
  for (let run = 0; run < RUNS; run++) {
    const from = performance.now();
    let next = 0;
    await Promise.all(Array.from({ length: 16 }, async () => {
      while (next < 100) await end(company, await ask(company, 'manager', `all of you ${run} ${next++}`));
    }));
    rates.push(400000 / (performance.now() - from));
  }
  row('tasks per second, one asks three at once, 16 requests at once', quantile(rates, 0.5).toFixed(0));
}

// Webster sleeps: whoever asks him waits, without thread, lease or process.
async function measureParked(company) {
  await company.hq('stop', 'webster');
  const before = pss(company);
  for (let at = 0; at < PARKED; at += 50)
    await Promise.all(Array.from({ length: Math.min(50, PARKED - at) }, (_, i) => ask(company, 'manager', `for ever ${at + i}`)));
  await until('all are parked', async () => /hq_tasks\{agent="manager",state="waiting"\} (\d+)/.exec(
    (await company.api('GET', '/metrics')).text)?.[1] === String(PARKED), 300000);
  await new Promise((done) => setTimeout(done, 12000)); // free heap goes back every ten seconds
  const after = pss(company);
  row(`${PARKED} parked tasks (and ${PARKED} queued): PSS of all processes, more than before`, `${(after - before).toFixed(1)} MB`);
  const threads = processesOf(company.dir).map(({ pid }) => Number(/^Threads:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]));
  row('threads of all processes then', String(threads.reduce((a, b) => a + b, 0)));
}

// Only the hub runs: every agent is held.
async function measureRouting() {
  const company = await Company.open(null, { up: false, agents: 1, change: (config) => {
    config.agents = Object.fromEntries(Array.from({ length: AGENTS }, (_, i) => [`agent-${i}`, {
      port: 12000 + 4 * i, model: 'demo/x', capabilities: [`skill-${i % 50}`, i % 3 ? 'research' : 'writing'], delegates: ['*'] }]));
  } });
  mkdirSync(join(company.dir, 'state/run'), { recursive: true });
  for (let i = 0; i < AGENTS; i++) writeFileSync(join(company.dir, 'state/run', `agent-${i}.down`), 'held by the bench\n');
  await company.hq('up', '-d', '--timeout', '60s');
  await until('the hub answers', async () => (await company.api('GET', '/healthz')).status === 200);
  const times = [];
  for (let i = 0; i < 200; i++) {
    const from = performance.now();
    await api(company, 'POST', '/v1/route', { text: `Some research with skill-${i % 50}, please` });
    times.push(performance.now() - from);
  }
  row(`routing among ${AGENTS} agents, over HTTP, p50`, ms(quantile(times, 0.5)));
  row(`routing among ${AGENTS} agents, p99`, ms(quantile(times, 0.99)));
  await close(company);
}

const company = await Company.open(null, { agents: 8, script, change: free });
await measureRoundTrip(company);
await measureRate(company);
await measureParked(company);
await close(company);
await measureRouting();
const width = Math.max(...rows.map(([what]) => [...what].length));
console.log(`\n${cpus().length} × ${cpus()[0].model.trim()} · load ${loadavg().map((n) => n.toFixed(2)).join(' ')}`);
for (const [what, value, target] of rows) console.log(`  ${what.padEnd(width)}  ${value.padStart(12)}  ${target}`);
