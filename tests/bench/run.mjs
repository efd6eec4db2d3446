// The rows of the targets that exist, measured on this machine: medians of at least five runs, with
// the load and the disk's fdatasync beside them. usage: run.mjs [--runs N] [--turns N]
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import http from 'node:http';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

import { Company, binary, processesOf, until } from '../stories/company.mjs';

const { values: options } = parseArgs({ options: {
  runs: { type: 'string', default: '5' },
  turns: { type: 'string', default: '1000' },
} });
const RUNS = Number(options.runs);
const TURNS = Number(options.turns);
const rows = [];

const sorted = (values) => [...values].sort((a, b) => a - b);
const quantile = (values, q) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * q))];
const median = (values) => quantile(values, 0.5);
const row = (what, value, target) => rows.push([what, value, target]);
const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;

function fdatasyncTime() {
  const path = join(process.env.TMPDIR ?? '/tmp', `hq-bench-${process.pid}`);
  const fd = openSync(path, 'w');
  const times = [];
  for (let i = 0; i < 50; i++) {
    writeSync(fd, 'x'.repeat(4096));
    const from = performance.now();
    fdatasyncSync(fd);
    times.push(performance.now() - from);
  }
  closeSync(fd);
  unlinkSync(path);
  return median(times);
}

// PSS and private dirty pages of the company's processes in kB, CPU in ms; `only` names a role.
function memory(company, only = '') {
  const sum = { pss: 0, dirty: 0, cpu: 0 };
  for (const { pid, command } of processesOf(company.dir)) {
    if (!command.includes(only)) continue;
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    sum.pss += Number(/^Pss:\s+(\d+)/m.exec(text)[1]);
    sum.dirty += Number(/^Private_Dirty:\s+(\d+)/m.exec(text)[1]);
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    sum.cpu += (Number(stat[11]) + Number(stat[12])) * 10;
  }
  return sum;
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

// A plain keep-alive request: fetch() costs more than what is measured.
function request(company, name, method, path, body) {
  return new Promise((done, fail) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const call = http.request({
      agent, host: '127.0.0.1', port: company.ports[name], method, path,
      headers: { authorization: `Bearer ${company.tokens[name]}`, ...(text ? { 'content-length': Buffer.byteLength(text) } : {}) },
    }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (part) => (answer += part));
      response.on('end', () => done({ status: response.statusCode, json: JSON.parse(answer) }));
    });
    call.on('error', fail);
    call.end(text);
  });
}

async function turn(company, name, text) {
  const { status, json } = await request(company, name, 'POST', '/hooks/agent', { message: text });
  if (status !== 202) throw new Error(`hook: ${status}`);
  for (;;) {
    const { json: run } = await request(company, name, 'GET', `/hooks/runs/${json.runId}?wait=30`);
    if (run.state === 'done') return run;
    if (run.state === 'failed') throw new Error(JSON.stringify(run));
  }
}

async function turns(company, count, atOnce, names) {
  let next = 0;
  const from = performance.now();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < count) {
      const i = next++;
      await turn(company, names[i % names.length], `echo:b${i}`);
    }
  }));
  return (count * 1000) / (performance.now() - from);
}

async function openCompany(more) {
  const company = await Company.open(null, { agents: 8, up: false, ...more });
  const from = performance.now();
  await company.up();
  company.upMs = performance.now() - from;
  company.tokens = Object.fromEntries(Object.keys(company.ports).map((name) => [name, company.token(`${name}.hooks`)]));
  return company;
}

async function measureStart() {
  const times = [];
  for (let i = 0; i < RUNS; i++) {
    const company = await openCompany();
    times.push(company.upMs);
    await company.close();
  }
  row('hq up -d --wait: hub and 8 agents ready', ms(median(times)), '≤ 250 ms');
}

async function measureHooks(company) {
  const names = Object.keys(company.ports);
  const accepted = [];
  for (let i = 0; i < 400; i++) {
    const from = performance.now();
    await request(company, names[0], 'POST', '/hooks/agent', { message: `echo:h${i}` });
    accepted.push(performance.now() - from);
  }
  row('hook POST → durable 202, p50', ms(median(accepted)), '≤ 1 ms');
  row('hook POST → durable 202, p99', ms(quantile(accepted, 0.99)), '≤ 5 ms');
  await until('queue empty', async () => (await company.api('GET', '/v1/tasks?state=queued')).json.items.length === 0);

  const all = [];
  for (let i = 0; i < Math.max(RUNS, 5); i++) {
    const from = performance.now();
    await Promise.all(names.map((name) => turn(company, name, `echo:all${i}`)));
    all.push(performance.now() - from);
  }
  row('8 agents, one hook each at once, all done', ms(median(all)), '≤ 20 ms');
  for (const atOnce of [1, 4, 16]) {
    const rates = [];
    for (let i = 0; i < RUNS; i++) rates.push(await turns(company, 40 * atOnce, atOnce, names));
    row(`turns per second, ${atOnce} at once`, median(rates).toFixed(0), atOnce === 16 ? '≥ 1,500' : '');
  }
}

const roles = [['', 'all processes'], [`${binary} hub`, 'hub'], [`${binary} gateway`, 'gateways']];
const megabytes = ({ pss, dirty }) => `${(pss / 1024).toFixed(1)} / ${(dirty / 1024).toFixed(1)} MB`;

// Free memory goes back to the system when a process tells its lock, every ten seconds.
const settle = () => new Promise((done) => setTimeout(done, 12000));

async function measureTurns(company) {
  const names = Object.keys(company.ports);
  const spent = roles.map(() => []);
  for (let i = 0; i < RUNS; i++) {
    const before = roles.map(([role]) => memory(company, role).cpu);
    await turns(company, TURNS, 16, names);
    roles.forEach(([role], at) => spent[at].push((memory(company, role).cpu - before[at]) / TURNS));
  }
  roles.forEach(([, what], at) => row(`CPU per turn, ${what}`, ms(median(spent[at])), at === 0 ? '≤ 1 ms' : ''));
  await settle();
  const after = memory(company);
  row(`after ${RUNS * TURNS} more turns: PSS / private dirty`, megabytes(after), '');
}

// One agent takes all turns.
async function measureOneAgent(company) {
  const gateway = `${binary} gateway secretary`;
  for (const count of [500, 1000]) {
    await turns(company, 500, 16, ['secretary']);
    await settle();
    row(`one agent after ${count} more turns: PSS / private dirty`, megabytes(memory(company, gateway)), count === 500 ? '≤ 4 MB' : 'no growth');
  }
}

// The time from the hook's POST to its request's arrival at a provider of ours.
async function measureModelRequest() {
  const arrivals = new Map();
  const server = http.createServer((incoming, response) => {
    let body = '';
    incoming.on('data', (part) => (body += part));
    incoming.on('end', () => {
      arrivals.get(/bench-(\d+)-/.exec(body)?.[1])?.(performance.now());
      response.setHeader('content-type', 'text/event-stream');
      response.end('data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
    });
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const company = await openCompany({ agents: 1,
    models: { fast: { api: 'openai-chat', base_url: `http://127.0.0.1:${server.address().port}/v1` } }, agent: { model: 'fast/x' } });
  const times = [];
  for (let i = 0; i < 200; i++) {
    const arrived = new Promise((done) => arrivals.set(String(i), done));
    const from = performance.now();
    turn(company, 'manager', `bench-${i}-`).catch(() => {});
    times.push((await arrived) - from);
  }
  row('hook POST → request at the model, p50', ms(median(times)), '≤ 2 ms');
  row('hook POST → request at the model, p99', ms(quantile(times, 0.99)), '');
  await until('all done', async () => (await company.api('GET', '/v1/tasks?state=working')).json.items.length === 0);
  await company.close();
  server.close();
}

function measureCommands(company) {
  for (const args of [['version'], ['status', '--json'], ['task', 'list', '--json'], ['agent', 'list', '--json']]) {
    const times = [];
    for (let i = 0; i < 15; i++) {
      const from = performance.now();
      const { status } = spawnSync(binary, ['-C', company.dir, ...args], { stdio: 'ignore' });
      if (status === 0) times.push(performance.now() - from);
    }
    row(`hq ${args.join(' ')}`, times.length ? ms(median(times)) : 'failed', '≤ 20 ms');
  }
}

function print() {
  const width = Math.max(...rows.map(([what]) => [...what].length));
  const version = execFileSync(binary, ['version'], { encoding: 'utf8' }).trim();
  console.log(`\n${version} · ${cpus().length} × ${cpus()[0].model.trim()} · load ${loadavg().map((n) => n.toFixed(2)).join(' ')} · fdatasync ${ms(fdatasyncTime())}`);
  for (const [what, value, target] of rows) console.log(`  ${what.padEnd(width)}  ${value.padStart(16)}  ${target}`);
}

await measureStart();
const company = await openCompany();
await new Promise((done) => setTimeout(done, 2000));
const idle = memory(company);
row('idle, hub + supervisor + 8 agents: PSS / private dirty', megabytes(idle), '≤ 24 / ≤ 16 MB');
await measureHooks(company);
await measureTurns(company);
await measureOneAgent(company);
measureCommands(company);
await company.close();
await measureModelRequest();
agent.destroy();
print();
