// A large company on one machine: memory, start, status and one turn of every agent.
// usage: many.mjs [--agents N] [--base PORT]
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

import { binary, processesOf, run } from '../stories/company.mjs';

const { values: options } = parseArgs({ options: {
  agents: { type: 'string', default: '1000' },
  base: { type: 'string', default: '12000' },
} });
const COUNT = Number(options.agents);
const dir = mkdtempSync(join(tmpdir(), 'hq-many-'));
const names = Array.from({ length: COUNT }, (_, i) => `agent-${String(i).padStart(4, '0')}`);
const PATIENCE = 300000;

function writeCompany() {
  const agents = Object.fromEntries(names.map((name, i) => [name, { port: Number(options.base) + 4 * i, model: `script/${name}` }]));
  writeFileSync(join(dir, 'hq.yaml'), JSON.stringify({ company: 'many',
    models: { script: { api: 'script', file: 'model.yaml' } }, agents }));
  writeFileSync(join(dir, 'model.yaml'), JSON.stringify({ rules: [{ say: 'echo {{user}}' }] }));
  for (const name of names) mkdirSync(join(dir, 'workspaces', name), { recursive: true });
}

async function hq(...args) {
  const from = performance.now();
  const result = await run(binary, ['-C', dir, ...args], { timeout: PATIENCE });
  if (result.code !== 0) throw new Error(`hq ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`);
  return { ...result, ms: performance.now() - from };
}

function memory() {
  const sum = { pss: 0, dirty: 0, processes: 0, hub: 0 };
  for (const { pid, command } of processesOf(dir)) {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const pss = Number(/^Pss:\s+(\d+)/m.exec(text)[1]);
    sum.pss += pss;
    sum.dirty += Number(/^Private_Dirty:\s+(\d+)/m.exec(text)[1]);
    sum.processes++;
    if (/ hub( |$)/.test(command)) sum.hub = pss;
  }
  return sum;
}

const token = (name) => readFileSync(join(dir, 'secrets', `${name}.token`), 'utf8').trim();

function hub(method, path, body) {
  return new Promise((done, fail) => {
    const text = body && JSON.stringify(body);
    const request = http.request({ socketPath: join(dir, 'state/hub.sock'), method, path,
      headers: { authorization: `Bearer ${token('operator')}`, ...(text ? { 'content-length': Buffer.byteLength(text) } : {}) } }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (part) => (answer += part));
      response.on('end', () => done({ status: response.statusCode, json: JSON.parse(answer) }));
    });
    request.on('error', fail);
    request.end(text);
  });
}

async function askEverybody() {
  let next = 0;
  const from = performance.now();
  await Promise.all(Array.from({ length: 32 }, async () => {
    while (next < COUNT) {
      const i = next++;
      const { json } = await hub('POST', '/v1/tasks', { agent: names[i], kind: 'ask', key: `k${i}`, instruction: `hello ${i}` });
      for (let state = ''; state !== 'done';) {
        ({ state } = (await hub('GET', `/v1/tasks/${json.task.id}?wait_ms=30000`)).json.task);
        if (state === 'failed') throw new Error(`${names[i]} failed`);
      }
    }
  }));
  return performance.now() - from;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const megabytes = (kb) => `${(kb / 1024).toFixed(0)} MB`;
const rows = [];

async function looks(what, ...args) {
  const times = [];
  for (let i = 0; i < 5; i++) times.push((await hq(...args)).ms);
  rows.push([what, `${median(times).toFixed(0)} ms`, '≤ 20 ms']);
}

try {
  writeCompany();
  const load = loadavg()[0];
  const up = await hq('up', '-d', '--wait', '--timeout', '5m');
  const idle = memory();
  rows.push([`${COUNT} agents, processes`, String(idle.processes), '']);
  rows.push(['hq up -d --wait', `${(up.ms / 1000).toFixed(1)} s`, '≤ 20 s']);
  rows.push(['all processes, idle: PSS / private dirty', `${megabytes(idle.pss)} / ${megabytes(idle.dirty)}`, '≤ 2.5 GB']);
  rows.push(['hub alone, PSS', megabytes(idle.hub), '']);
  await looks('hq status', 'status');
  await looks('hq status --json', 'status', '--json');
  await looks('hq agent list', 'agent', 'list');
  rows.push(['one turn of each agent, 32 at once', `${((await askEverybody()) / 1000).toFixed(1)} s`, '']);
  rows.push(['all processes after it: PSS', megabytes(memory().pss), '']);
  rows.push(['hq down', `${((await hq('down')).ms / 1000).toFixed(1)} s`, '']);
  rows.push(['processes left', String(processesOf(dir).length), '0']);
  console.log(`load before it: ${load.toFixed(1)}`);
  for (const [what, value, target] of rows) console.log(`${what.padEnd(44)} ${value.padStart(20)}  ${target}`);
} finally {
  for (const { pid } of processesOf(dir)) try { process.kill(pid, 'SIGKILL'); } catch { /* it has ended */ }
  rmSync(dir, { recursive: true, force: true });
}
