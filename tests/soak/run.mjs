// Soak: a steady stream of turns for hours while processes are killed at random. Nothing may be lost or
// doubled, and what lives long must not grow. Two agents are never killed: their memory is what is looked at;
// the hub's is looked at between its deaths.
// usage: run.mjs [--minutes N] [--rate TURNS_PER_SECOND] [--seed N] [--kill-every S] [--hub-every S]
//                [--retention D] [--keep FILE.json]
import assert from 'node:assert/strict';
import http from 'node:http';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Company, until } from '../stories/company.mjs';

const { values: options } = parseArgs({ options: {
  minutes: { type: 'string', default: '120' },
  rate: { type: 'string', default: '20' },
  seed: { type: 'string', default: String(Date.now() % 1000000) },
  'kill-every': { type: 'string', default: '15' },
  'hub-every': { type: 'string', default: '300' },
  retention: { type: 'string', default: '20m' }, // so that archive and ledger's size are looked at, too
  keep: { type: 'string' },
} });
const MINUTES = Number(options.minutes);
const RATE = Number(options.rate);
const names = Company.names;
const spared = names.slice(0, 2);
const PATIENCE = 300000;

// mulberry32: the same seed kills in the same order.
let state = Number(options.seed);
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const pick = (list) => list[Math.floor(random() * list.length)];
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Of ten requests seven are one answer, two read a file first, one asks a colleague: 1.1 turns each.
const rules = [
  { when: { user: '/look:([0-9]+)/', step: 0 }, say: 'I look.', call: [{ tool: 'read', with: { path: 'SOUL.md' } }] },
  { when: { user: '/look:([0-9]+)/', step: 1 }, say: 'looked {{1}}' },
  ...names.map((name, i) => ({ when: { model: name, user: '/share:([0-9]+)/', step: 0 }, say: 'I ask.',
    call: [{ tool: 'delegate', with: { agent: names[(i + 3) % names.length], instruction: 'echo:{{1}}' } }] })),
  { when: { user: '/share:([0-9]+)/', step: 1 }, say: 'shared {{1}}' },
  { when: { user: '/echo:([0-9]+)/' }, say: 'echo {{1}}' },
  { say: 'no rule for: {{user}}' },
];
const kinds = ['echo', 'echo', 'echo', 'look', 'echo', 'share', 'echo', 'look', 'echo', 'echo'];
const said = { echo: 'echo', look: 'looked', share: 'shared' };
const TURNS_PER_REQUEST = 1.1;

const company = await Company.open(null, { agents: 8, script: rules, change: (config) => {
  for (const agent of Object.values(config.agents)) {
    agent.delegates = ['*'];
    agent.tools = { allow: ['read', 'delegate'] };
  }
  config.retention = options.retention;
} });
const tokens = Object.fromEntries(names.map((name) => [name, company.token(`${name}.hooks`)]));
const wires = new http.Agent({ keepAlive: true, maxSockets: 256 });

function call(name, method, path, body, key) {
  return new Promise((done) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const request = http.request({ host: '127.0.0.1', port: company.ports[name], method, path, agent: wires, timeout: 60000,
      headers: { authorization: `Bearer ${tokens[name]}`, ...(key ? { 'idempotency-key': key } : {}),
        ...(text ? { 'content-length': Buffer.byteLength(text) } : {}) } }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (part) => (answer += part));
      response.on('error', () => done(null));
      response.on('end', () => {
        try {
          done(response.statusCode < 300 ? JSON.parse(answer) : null);
        } catch {
          done(null);
        }
      });
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => done(null));
    request.end(text);
  });
}

// Repeated while the other side is away: the key makes it the same request.
async function insist(what, attempt) {
  const end = Date.now() + PATIENCE;
  for (let pause = 50; ; pause = Math.min(pause * 2, 1000)) {
    const answer = await attempt();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: no answer in ${PATIENCE / 1000} s`);
    await sleep(pause);
  }
}

let asked = 0, ended = 0, open = 0, slowest = 0;
const troubles = [];

async function request(i) {
  const name = names[i % names.length], kind = kinds[Math.floor(i / names.length) % kinds.length];
  const from = Date.now();
  open++;
  try {
    const { runId } = await insist(`request ${i}`, () => call(name, 'POST', '/hooks/agent', { message: `${kind}:${i}` }, `soak-${i}`));
    const run = await insist(`result of request ${i} (${runId})`, async () => {
      const answer = await call(name, 'GET', `/hooks/runs/${runId}?wait=30`);
      return answer && ['done', 'failed', 'cancelled', 'timed_out'].includes(answer.state) ? answer : null;
    });
    if (run.state !== 'done' || !JSON.stringify(run).includes(`${said[kind]} ${i}`)) throw new Error(`request ${i}: ${JSON.stringify(run).slice(0, 300)}`);
    ended++;
  } catch (error) {
    troubles.push(error.message);
  }
  open--;
  slowest = Math.max(slowest, Date.now() - from);
}

// ---- deaths ----

const kills = {};
let stopped = false;
function kill(name) {
  const pid = company.pid(name);
  if (!pid || stopped) return;
  try {
    process.kill(pid, 'SIGKILL');
    const role = name.split('-')[0];
    kills[role] = (kills[role] ?? 0) + 1;
  } catch {
    // It died by itself meanwhile.
  }
}

async function supervisorAgain() {
  const pid = company.pid('supervisor');
  kill('supervisor');
  await until('the old supervisor is gone', () => company.pid('supervisor') !== pid);
  for (let tries = 1; !company.lock('supervisor')?.ready; tries++) {
    const up = await company.hq('up', '-d');
    if (up.code !== 0 && tries === 5) throw new Error(`hq up after the supervisor's death: ${up.stderr}`);
  }
}

async function killer(every, victims) {
  const end = Date.now() + MINUTES * 60000;
  while (!stopped) {
    await sleep(Math.min(every * 1000 * (0.5 + random()), Math.max(0, end - Date.now())));
    if (stopped || Date.now() >= end) return;
    const victim = pick(victims);
    try {
      if (victim === 'supervisor') await supervisorAgain();
      else kill(victim);
    } catch (error) {
      troubles.push(error.message);
    }
  }
}

// ---- memory ----

function figures(pid) {
  const status = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return { pss: Number(/^Pss:\s+(\d+)/m.exec(status)[1]), fds: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length };
}

const samples = [];
function sample(from) {
  const one = { minute: (Date.now() - from) / 60000, asked, ended, open, load: loadavg()[0], ledger: statSync(join(company.dir, 'state/ledger.db')).size, pss: {}, fds: {}, threads: {}, age: {} };
  for (const name of ['hub', 'supervisor', ...names.map((agent) => `gateway-${agent}`)]) {
    const lock = company.lock(name);
    if (!lock) continue;
    try {
      const now = figures(lock.pid);
      for (const key of ['pss', 'fds', 'threads']) one[key][name] = now[key];
      one.age[name] = Date.now() - Date.parse(lock.started_at ?? 0);
    } catch {
      // It was killed while we looked.
    }
  }
  samples.push(one);
  const spare = spared.map((name) => one.pss[`gateway-${name}`]).join('/');
  console.log(`${one.minute.toFixed(1).padStart(6)} min  ${ended} ended, ${open} open  hub ${one.pss.hub ?? '-'} kB  ${spared.join('/')} ${spare} kB  ` +
    `ledger ${(one.ledger / 1048576).toFixed(0)} MB  load ${one.load.toFixed(1)}  killed ${JSON.stringify(kills)}${troubles.length ? `  TROUBLE ${troubles.length}` : ''}`);
}

async function watcher(from) {
  while (!stopped) {
    for (let i = 0; i < 60 && !stopped; i++) await sleep(1000);
    sample(from);
  }
}

// The growth per hour of what was never killed, by least squares over the second half of the samples.
function growth(name) {
  const points = samples.slice(Math.floor(samples.length / 2)).map((one) => [one.minute / 60, one.pss[name]]).filter(([, y]) => y);
  const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
  const mx = mean(points.map(([x]) => x)), my = mean(points.map(([, y]) => y));
  const up = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0), down = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  return { at: my, perHour: down ? up / down : 0 };
}

try {
  console.log(`${MINUTES} minutes at ${RATE} turns/s, retention ${options.retention}, seed ${options.seed}`);
  const from = Date.now(), end = from + MINUTES * 60000;
  const gateways = names.filter((name) => !spared.includes(name)).map((name) => `gateway-${name}`);
  const sides = [watcher(from), killer(Number(options['kill-every']), [...gateways, ...gateways, 'supervisor']), killer(Number(options['hub-every']), ['hub'])];
  const running = new Set();
  const every = 1000 * TURNS_PER_REQUEST / RATE;
  for (let due = from; due < end && troubles.length < 20; due += every) {
    if (due > Date.now()) await sleep(due - Date.now());
    const one = request(asked++);
    running.add(one);
    one.finally(() => running.delete(one));
  }
  stopped = true;
  await Promise.all([...running, ...sides]);
  await until('everybody is back', () => ['hub', ...names.map((name) => `gateway-${name}`)].every((name) => company.lock(name)?.ready));
  assert.deepEqual(troubles, []);
  assert.equal(ended, asked);
  await company.check();
  const rows = spared.map((name) => {
    const { at, perHour } = growth(`gateway-${name}`);
    return `${name}: ${(at / 1024).toFixed(2)} MB, ${perHour >= 0 ? '+' : ''}${perHour.toFixed(0)} kB per hour`;
  });
  const fds = Math.max(...samples.map((one) => Math.max(...Object.values(one.fds))));
  console.log(`never killed, second half: ${rows.join('; ')}`);
  console.log(`hub at most ${(Math.max(...samples.map((one) => one.pss.hub ?? 0)) / 1024).toFixed(1)} MB; descriptors of one process at most ${fds}; slowest request ${(slowest / 1000).toFixed(1)} s`);
  console.log(`${asked} requests in ${((Date.now() - from) / 60000).toFixed(1)} min, killed ${JSON.stringify(kills)}: 0 lost, 0 wrong; the ledger's check is clean`);
  if (options.keep) writeFileSync(options.keep, JSON.stringify({ minutes: MINUTES, rate: RATE, seed: options.seed, asked, ended, kills, slowest, samples }));
  console.log('1 passed, 0 failed');
} catch (error) {
  console.log(`FAILED with seed ${options.seed}\n${error.stack}\n${troubles.join('\n')}`);
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
} finally {
  stopped = true;
  wires.destroy();
  await company.close();
}
