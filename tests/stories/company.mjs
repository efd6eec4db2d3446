// A private company of real processes for one story: own folder, own free ports, and a tear-down
// that ends everything and fails the story when a process is left or a sanitizer spoke.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, unlinkSync, writeFileSync,
} from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const binary = resolve(repository, process.env.HQ_BINARY ?? 'build/hq');
export const DEADLINE = Number(process.env.HQ_STORY_DEADLINE_MS ?? 120000);

// Looks again every few milliseconds until `probe` gives something true; fails at the deadline.
export async function until(what, probe, ms = DEADLINE) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last = value;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms (last: ${last?.stack ?? JSON.stringify(last)})`);
    await new Promise((done) => setTimeout(done, 15));
  }
}

// ---- ports ----

function listenOn(port) {
  return new Promise((done) => {
    const server = net.createServer();
    server.once('error', () => done(null));
    server.listen(port, '127.0.0.1', () => done(server));
  });
}

async function canListen(port) {
  const server = await listenOn(port);
  if (server) await new Promise((done) => server.close(done));
  return server !== null;
}

// A block of 64 ports, reserved among all test processes of this machine by a file that names us. Who looks at
// the file listens on the last port of the block, so that no two do at once.
const portDir = join(tmpdir(), `hq-test-ports-${process.getuid()}`);
const reserved = new Set();
const keepers = new Map();
process.on('exit', () => {
  for (const path of reserved) rmSync(path, { force: true });
});

export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1][0] !== 'Z';
  } catch {
    return false;
  }
}

function releasePorts(base) {
  const path = join(portDir, String(base));
  reserved.delete(path);
  rmSync(path, { force: true });
  keepers.get(base)?.close();
  keepers.delete(base);
}

async function reservePorts() {
  mkdirSync(portDir, { recursive: true });
  for (let base = 20000; base < 32000; base += 64) {
    const path = join(portDir, String(base));
    const keeper = await listenOn(base + 63);
    if (!keeper) continue;
    keepers.set(base, keeper.unref());
    try {
      if (existsSync(path) && !isAlive(Number(readFileSync(path, 'utf8')))) unlinkSync(path);
      writeFileSync(path, String(process.pid), { flag: 'wx' });
    } catch {
      keepers.get(base).close();
      keepers.delete(base);
      continue;
    }
    reserved.add(path);
    const free = await Promise.all(Array.from({ length: 63 }, (_, i) => canListen(base + i)));
    if (free.every(Boolean)) return base;
    releasePorts(base);
  }
  throw new Error('no free block of ports');
}

// ---- processes ----

// A guard's command line names no company; the lock that it holds does.
function openFiles(pid) {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return '';
    }
  });
}

export function processesOf(dir) {
  const found = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      if (!command) continue; // of the kernel, or dead
      const cwd = readlinkSync(`/proc/${entry}/cwd`);
      const guards = command.startsWith(`${binary} guard`) && openFiles(entry).some((path) => path.startsWith(dir));
      const isIts = guards || command.includes(dir) || cwd === dir || cwd.startsWith(`${dir}/`);
      if (isIts && isAlive(Number(entry))) found.push({ pid: Number(entry), command, cwd });
    } catch {
      // Gone while we looked.
    }
  }
  return found;
}

export function run(command, args, { input, env, cwd, timeout = DEADLINE } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '', stderr = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.on('error', fail);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      let json;
      try {
        json = JSON.parse(stdout);
      } catch {
        json = undefined;
      }
      done({ code, signal, stdout, stderr, json });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
  });
}

// ---- the scripted model that most stories share ----

export const rules = [
  { when: { user: '/echo:([A-Za-z0-9_-]+)/', step: 0 }, say: 'echo {{1}}' },
  { when: { user: '/work:([A-Za-z0-9]+)/', step: 0 }, say: 'I write.',
    call: [{ tool: 'write', with: { path: 'out-{{1}}.txt', content: 'content of {{1}}\n' } }] },
  { when: { user: '/work:([A-Za-z0-9]+)/', step: 1 }, say: 'I append.',
    call: [{ tool: 'exec', with: { command: 'echo {{1}} >> appended-{{1}}.txt; echo appended {{1}}' } }] },
  { when: { user: '/work:([A-Za-z0-9]+)/', step: 2 }, say: 'finished {{1}}: {{last_line}}' },
  { when: { user: '/sh:`([^`]+)`/', step: 0 }, say: 'I run it.', call: [{ tool: 'exec', with: { command: '{{1}}' } }] },
  { when: { user: '/cat:([^ \n]+)/', step: 0 }, say: 'I read.', call: [{ tool: 'read', with: { path: '{{1}}' } }] },
  { when: { user: '/put:([^ \n]+)/', step: 0 }, say: 'I write.', call: [{ tool: 'write', with: { path: '{{1}}', content: 'put\n' } }] },
  { when: { tool: ['exec', 'read', 'write'] }, say: 'result: {{tool_result}}' },
  { when: { user: '/pause1s:([A-Za-z0-9]+)/' }, delay: '1s', say: 'paused {{1}}' },
  { when: { user: '/pause5s:([A-Za-z0-9]+)/' }, delay: '5s', say: 'paused {{1}}' },
  { when: { user: 'forever' }, delay: '600s', say: 'never seen' },
  { when: { user: 'refuse me' }, fault: 'refused', say: 'x' },
  { when: { user: 'rate limited' }, fault: { kind: 'retry_later', after: '3s', times: 1 }, say: 'after the limit' },
  { when: { user: 'unreachable for a while' }, fault: { kind: 'unreachable', times: 3 }, say: 'reached' },
  { say: 'heard: {{user}}' },
];

const terminal = ['done', 'failed', 'cancelled', 'timed_out'];

export class Company {
  static names = ['manager', 'tech-lead', 'secretary', 'auditor', 'optimizer', 'study-builder', 'nx-expert', 'webster'];

  // options: agents (names or how many), script (rules), models, agent (settings of each),
  // change (edits the configuration), env, up (start it).
  static async open(test, options = {}) {
    const company = new Company();
    company.base = await reservePorts();
    company.dir = mkdtempSync(join(tmpdir(), 'hq-story-'));
    company.env = options.env ?? {};
    company.expectLoss = false;
    test?.after(() => company.close());
    company.write(options);
    if (options.up !== false) await company.up();
    return company;
  }

  write({ agents = 1, script = rules, models, agent = {}, change } = {}) {
    const names = typeof agents === 'number' ? Company.names.slice(0, agents) : agents;
    this.ports = Object.fromEntries(names.map((name, i) => [name, this.base + 4 * i]));
    this.hubPort = this.base + 60;
    const config = {
      company: 'story',
      hub: { listen: `127.0.0.1:${this.hubPort}` },
      models: { demo: { api: 'script', file: 'script.yaml' }, ...models },
      agents: Object.fromEntries(names.map((name) => [name, { name, port: this.ports[name], model: `demo/${name}`, ...agent }])),
    };
    change?.(config);
    this.config = config;
    this.writeConfig(config);
    writeFileSync(join(this.dir, 'script.yaml'), JSON.stringify({ rules: script }, null, 1));
    for (const name of names) {
      mkdirSync(this.workspace(name), { recursive: true });
      writeFileSync(join(this.workspace(name), 'SOUL.md'), `# SOUL.md\n\nYou are ${name}.\n`);
    }
  }

  // JSON is YAML, too: one writer fewer.
  writeConfig(config) {
    writeFileSync(join(this.dir, 'hq.yaml'), typeof config === 'string' ? config : JSON.stringify(config, null, 1));
  }

  workspace(agent) {
    return join(this.dir, 'workspaces', agent);
  }

  async up(...args) {
    const result = await this.hq('up', '-d', '--wait', ...args);
    assert.equal(result.code, 0, `hq up: exit ${result.code}\n${result.stdout}${result.stderr}\n${this.logs()}`);
    return result;
  }

  hq(...args) {
    const options = typeof args.at(-1) === 'object' ? args.pop() : {};
    return run(binary, ['-C', this.dir, ...args], { ...options, env: { ...this.env, ...options.env } });
  }

  // ---- what its processes say of themselves on disk ----

  lock(name) {
    const path = join(this.dir, 'state/run', `${name}.lock`);
    if (!existsSync(path)) return null;
    try {
      const info = JSON.parse(readFileSync(path, 'utf8').split('\n')[0]);
      const ticks = Number(readFileSync(`/proc/${info.pid}/stat`, 'utf8').split(') ')[1].split(' ')[19]);
      return ticks === info.start_ticks && isAlive(info.pid) ? info : null;
    } catch {
      return null;
    }
  }

  pid(name) {
    return this.lock(name)?.pid ?? null;
  }

  kill(name, signal = 'SIGKILL') {
    const pid = this.pid(name);
    assert.ok(pid, `${name} does not run`);
    process.kill(pid, signal);
    return pid;
  }

  // Everybody, again and again: one dies of another's death, or is started between the look and the kill.
  async killAll() {
    await until('nothing runs', () => {
      const left = processesOf(this.dir);
      for (const { pid } of left) safeKill(pid, 'SIGKILL');
      return left.length === 0;
    });
  }

  // The hub reads hq.yaml again when it comes back.
  async keepFor(retention) {
    this.config.retention = retention;
    this.writeConfig(this.config);
    await this.reborn('hub', this.kill('hub'));
  }

  // A new process in the place of `pid`, and ready.
  reborn(name, pid) {
    return until(`${name} is back`, () => {
      const info = this.lock(name);
      return info && info.pid !== pid && info.ready && info.pid;
    });
  }

  logs() {
    const dir = join(this.dir, 'state/logs');
    if (!existsSync(dir)) return '';
    return readdirSync(dir).map((name) => `--- ${name}\n${readFileSync(join(dir, name), 'utf8').slice(-3000)}`).join('\n');
  }

  token(name) {
    return readFileSync(join(this.dir, 'secrets', `${name}.token`), 'utf8').trim();
  }

  // ---- doors ----

  async hook(agent, path, body, { method = 'POST', headers = {}, token = this.token(`${agent}.hooks`) } = {}) {
    const response = await fetch(`http://127.0.0.1:${this.ports[agent]}${path}`, {
      method,
      headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
      body: body === undefined ? undefined : typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    });
    return answerOf(response.status, Object.fromEntries(response.headers), await response.text());
  }

  post(agent, body, options) {
    return this.hook(agent, '/hooks/agent', body, options);
  }

  // Asks again until the run has ended, unless told not to wait.
  async result(agent, runId, wait = 30) {
    return until(`${runId} ends`, async () => {
      const answer = await this.hook(agent, `/hooks/runs/${runId}?wait=${wait}`, undefined, { method: 'GET' });
      return (!wait || answer.status >= 400 || terminal.includes(answer.json?.state)) && answer;
    });
  }

  // One call of the hub's API over its unix socket; a Buffer is sent as it is. The connection is ours to
  // end: Node ends a large body with an empty write, which fails where the server has answered and left.
  api(method, path, body, token = this.token('operator')) {
    return new Promise((done, fail) => {
      const text = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body);
      const request = http.request({
        socketPath: join(this.dir, 'state/hub.sock'), method, path, agent: false,
        headers: { connection: 'keep-alive', ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...(text === undefined ? {} : { 'content-length': Buffer.byteLength(text) }) },
      }, (response) => {
        let answer = '';
        response.setEncoding('utf8').on('data', (part) => (answer += part));
        response.on('end', () => done(answerOf(response.statusCode, response.headers, answer)));
        response.on('error', fail);
      });
      request.on('error', fail);
      request.end(text);
    });
  }

  async ask(agent, text, ...args) {
    const result = await this.hq('ask', agent, text, '--wait', '--json', ...args);
    return { ...result, task: result.json?.task };
  }

  async task(id) {
    const answer = await this.api('GET', `/v1/tasks/${id}?full=1`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  // The task with its handoff, once it has ended.
  async ended(id, token) {
    return until(`${id} ends`, async () => {
      const answer = await this.api('GET', `/v1/tasks/${id}?wait_ms=5000&full=1`, undefined, token);
      return terminal.includes(answer.json?.task?.state) && answer.json;
    });
  }

  // The ledger's own look at itself: hash chains, lanes, counters.
  async check() {
    const answer = await this.api('POST', '/v1/admin/check', {});
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json.findings, []);
  }

  // ---- the end ----

  async cancelAll() {
    for (const state of ['queued', 'waiting', 'working']) {
      const { json } = await this.api('GET', `/v1/tasks?state=${state}&limit=1000`);
      await Promise.all(json.items.map((item) => this.api('POST', `/v1/tasks/${item.id}/cancel`, {})));
    }
  }

  async close() {
    const trouble = [];
    if (existsSync(join(this.dir, 'state/run'))) {
      for (const info of processesOf(this.dir)) safeKill(info.pid, 'SIGCONT');
      await this.cancelAll().catch(() => {}); // `down` drains: it waits for turns that run
      const down = await this.hq('down');
      if (down.code !== 0 && down.code !== 3) trouble.push(`hq down: exit ${down.code}: ${down.stdout}${down.stderr}`);
    }
    await until('all processes gone', () => processesOf(this.dir).length === 0).catch(() => {});
    for (const left of processesOf(this.dir)) {
      trouble.push(`left behind: ${left.pid} ${left.command} (in ${left.cwd})`);
      safeKill(left.pid, 'SIGKILL');
    }
    await this.#clear(trouble);
  }

  // Ends at once what runs: for whoever has seen everything come down before.
  async discard() {
    await this.killAll();
    await this.#clear([]);
  }

  async #clear(trouble) {
    for (const line of this.logs().split('\n'))
      if (/Sanitizer|runtime error:|Assertion .* failed/.test(line)) trouble.push(line);
    if (trouble.length) trouble.push(this.logs());
    releasePorts(this.base);
    if (process.env.HQ_KEEP) console.error(`kept ${this.dir}`);
    else await until('folder removed', () => (rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 }), true));
    assert.deepEqual(trouble, []);
  }
}

function safeKill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone.
  }
}

function answerOf(status, headers, text) {
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status, headers, text, json };
}

export function copyExample(name, dir) {
  cpSync(join(repository, 'examples', name), dir, { recursive: true });
}
