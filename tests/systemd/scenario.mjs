// Inside the container: what a company must do under systemd. Each look is a line in /result/checks-N.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync,
} from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';

const [, , version, next] = process.argv;
const boot = Number(readFileSync('/result/boot', 'utf8'));
const hq = '/opt/hq/hq';
const DEADLINE = 100000;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(what, probe, ms = DEADLINE) {
  const end = Date.now() + ms;
  for (let last; ;) {
    try {
      const value = await probe();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms (${last?.message ?? JSON.stringify(last)})`);
    await sleep(100);
  }
}

async function check(name, look) {
  let line = { name: `boot ${boot}: ${name}`, ok: true };
  const began = Date.now();
  try {
    await look();
  } catch (error) {
    line = { ...line, ok: false, detail: String(error.message).slice(0, 1500) };
  }
  appendFileSync(`/result/checks-${boot}`, `${JSON.stringify(line)}\n`);
  appendFileSync('/result/times', `${boot} ${name} ${Date.now() - began}\n`);
}

function run(args, { user, input } = {}) {
  const uid = { owner: 1500, keeper: 1501 }[user];
  const env = { PATH: '/usr/sbin:/usr/bin:/opt/hq', LANG: 'C.UTF-8', HOME: user ? `/home/${user}` : '/root', ...(uid ? { XDG_RUNTIME_DIR: `/run/user/${uid}` } : {}) };
  const line = uid ? ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', ...args] : args;
  const result = spawnSync(line[0], line.slice(1), { encoding: 'utf8', env, input, timeout: 180000 });
  return { code: result.status, stdout: result.stdout ?? '', stderr: result.stderr ?? '', text: `${result.stdout}${result.stderr}` };
}

const systemctl = (...args) => run(['systemctl', ...args]);

class Company {
  constructor(dir, user, runner, base) {
    Object.assign(this, { dir, user, runner, base });
    this.agents = ['manager', 'webster', 'auditor'];
  }

  write() {
    mkdirSync(join(this.dir, 'secrets'), { recursive: true, mode: 0o700 });
    const rules = [
      { when: { user: '/sh:`([^`]+)`/', step: 0 }, say: 'I run it.', call: [{ tool: 'exec', with: { command: '{{1}}' } }] },
      { when: { tool: ['exec'] }, say: 'result: {{tool_result}}' },
      { when: { user: '/slow:([0-9]+)/' }, delay: '4s', say: 'slowly {{1}}' },
      { say: 'heard: {{user}}' },
    ];
    const config = {
      company: 'my 100% company', hub: { listen: `127.0.0.1:${this.base + 60}` },
      models: {
        demo: { api: 'script', file: 'script.yaml' },
        spare: { api: 'openai-chat', base_url: `http://127.0.0.1:${this.base + 50}/v1`, api_key: { env: 'SPARE_KEY' } },
      },
      agents: Object.fromEntries(this.agents.map((name, i) => [name, { port: this.base + 4 * i, model: `demo/${name}` }])),
      runner: { enabled: true },
    };
    writeFileSync(join(this.dir, 'hq.yaml'), JSON.stringify(config, null, 1));
    writeFileSync(join(this.dir, 'script.yaml'), JSON.stringify({ rules }, null, 1));
    writeFileSync(join(this.dir, 'secrets/SPARE_KEY'), 'handed-over\n', { mode: 0o600 });
    const uid = { owner: 1500, keeper: 1501 }[this.user];
    for (const path of [join(this.dir, 'secrets/SPARE_KEY'), this.dir, join(this.dir, 'secrets'), join(this.dir, 'hq.yaml'), join(this.dir, 'script.yaml')]) chownSync(path, uid, uid);
  }

  hq(...args) {
    return run([hq, '-C', this.dir, ...args], { user: this.runner });
  }

  // As the one who may read the company's tokens.
  own(...args) {
    return run([hq, '-C', this.dir, ...args], { user: this.user });
  }

  lock(name) {
    try {
      const info = JSON.parse(readFileSync(join(this.dir, 'state/run', `${name}.lock`), 'utf8').split('\n')[0]);
      const ticks = Number(readFileSync(`/proc/${info.pid}/stat`, 'utf8').split(') ')[1].split(' ')[19]);
      return ticks === info.start_ticks ? info : null;
    } catch {
      return null;
    }
  }

  ready(name, notPid = 0) {
    return until(`${name} is ready`, () => {
      const info = this.lock(name);
      return info?.ready && info.pid !== notPid && info;
    });
  }

  async allReady() {
    for (const name of ['hub', 'runner', ...this.agents.map((agent) => `gateway-${agent}`)]) await this.ready(name);
  }

  ask(agent, text) {
    const answer = this.own('ask', agent, text, '--wait', '--json', '--timeout', '120s');
    return JSON.parse(answer.stdout).task;
  }

  start(agent, text) {
    const answer = this.own('ask', agent, text, '--no-wait', '--json');
    return JSON.parse(answer.stdout).task.id;
  }

  task(id) {
    return JSON.parse(this.own('task', 'show', id, '--json').stdout).task;
  }

  ledger() {
    const token = readFileSync(join(this.dir, 'secrets/operator.token'), 'utf8').trim();
    return new Promise((done, fail) => {
      const request = http.request({ socketPath: join(this.dir, 'state/hub.sock'), method: 'POST', path: '/v1/admin/check', headers: { authorization: `Bearer ${token}`, 'content-length': 2 } }, (response) => {
        let text = '';
        response.on('data', (part) => (text += part));
        response.on('end', () => done(JSON.parse(text)));
      });
      request.on('error', fail);
      request.end('{}');
    });
  }
}

const system = new Company('/srv/my 100% company', 'owner', undefined, 21000);
const user = new Company('/home/keeper/company', 'keeper', 'keeper', 22000);
const unit = (who) => `hq-my-100-company${who === 'hub' || who === 'runner' ? `-${who}` : `@${who}`}.service`;
const target = 'hq-my-100-company.target';

function dropIn(who, text) {
  const folder = `/run/systemd/system/${unit(who)}.d`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'test.conf'), text);
  systemctl('daemon-reload');
}

// ---- the first boot ----

async function installs() {
  const dry = system.hq('service', 'install', '--system', '--dry-run');
  assert.equal(dry.code, 0, dry.text);
  assert.ok(!existsSync(`/etc/systemd/system/${target}`), 'a dry run writes nothing');
  const installed = system.hq('service', 'install');
  assert.equal(installed.code, 0, installed.text);
  for (const name of [target, unit('hub'), unit('runner'), 'hq-my-100-company@.service']) {
    assert.ok(installed.stdout.includes(`write /etc/systemd/system/${name}`), installed.text);
    assert.ok(existsSync(`/etc/systemd/system/${name}`), name);
  }
  assert.equal(systemctl('is-enabled', target).stdout.trim(), 'enabled');
  assert.equal(system.hq('service', 'status').code, 3, 'installed, but nothing runs');
  const again = system.hq('service', 'install');
  assert.ok(!again.stdout.includes('write'), `what is as it should be is not written again: ${again.text}`);
  const other = run([hq, '-C', system.dir, 'service', 'install', '--user']);
  assert.equal(other.code, 2, other.text);
  assert.match(other.stderr, /system scope/);
}

async function comesUp() {
  const up = system.hq('up');
  assert.equal(up.code, 0, up.text);
  assert.match(up.stderr, /systemd keeps/);
  await system.allReady();
  assert.match(readFileSync(`/proc/${system.lock('hub').pid}/status`, 'utf8'), /^Uid:\s+1500/m, 'runs as the owner of the folder');
  for (const name of ['hub', 'runner', 'gateway-manager'])
    assert.ok(!readFileSync(`/proc/${system.lock(name).pid}/environ`, 'utf8').includes('NOTIFY_SOCKET=x'), name);
  const status = system.hq('service', 'status', '--json');
  assert.equal(status.code, 0, status.text);
  const told = JSON.parse(status.stdout);
  assert.equal(told.drift, false);
  assert.deepEqual(told.items.map((item) => [item.name, item.state]), [['hub', 'ready'], ['manager', 'ready'], ['webster', 'ready'], ['auditor', 'ready'], ['runner', 'ready']]);
  assert.match(systemctl('show', '--property=StatusText,Type,WatchdogUSec', unit('hub')).stdout, /WatchdogUSec=30s/);
}

async function execWorks(company) {
  const task = company.ask('manager', 'sh:`id -u; cat /proc/self/comm; echo made > here.txt; cat here.txt; ls /srv /home 2>&1 | head -3; touch /etc/x 2>&1`');
  assert.equal(task.state, 'done', JSON.stringify(task));
  assert.match(task.result.result, /made/, task.result.result);
  assert.match(task.result.result, /result: (1500|1501)/);
  assert.match(task.result.result, /touch: .*(Permission denied|Read-only)/);
}

// What hq.yaml takes from the environment comes as a credential of the unit, and stands in no environment.
async function credentialsArrive(company) {
  let seen;
  const server = http.createServer((request, response) => {
    seen = request.headers.authorization;
    response.writeHead(400).end('{}');
  });
  await new Promise((done) => server.listen(company.base + 50, '127.0.0.1', done));
  company.own('ask', 'manager', 'hello', '--model', 'spare/m', '--no-wait');
  await until('the model is asked', () => seen);
  server.close();
  server.closeAllConnections();
  assert.equal(seen, 'Bearer handed-over');
  assert.ok(!readFileSync(`/proc/${company.lock('gateway-manager').pid}/environ`, 'utf8').includes('handed-over'));
}

async function isRestarted(name, who) {
  const before = system.lock(name).pid;
  process.kill(before, 'SIGKILL');
  const after = await system.ready(name, before);
  assert.notEqual(after.pid, before);
  assert.equal(Number(systemctl('show', '--value', '--property=NRestarts', unit(who)).stdout) >= 1, true);
}

async function watchdogBites() {
  dropIn('hub', '[Service]\nWatchdogSec=6\nTimeoutAbortSec=1\n');
  const old = system.lock('hub').pid;
  systemctl('restart', unit('hub'));
  const hub = await system.ready('hub', old);
  await sleep(8000);
  assert.equal(system.lock('hub').pid, hub.pid, 'a sound one lives on');
  process.kill(hub.pid, 'SIGSTOP');
  await system.ready('hub', hub.pid);
  await until('its journal says so', () => /[Ww]atchdog timeout/.test(system.hq('logs', 'hub', '-n', '200').stdout));
}

async function isHeld() {
  dropIn('webster', '[Service]\nRestartSec=100ms\n');
  await system.ready('gateway-webster');
  const thief = net.createServer();
  // Again where systemd was quicker.
  await until('its port is ours', () => new Promise((done) => {
    const pid = system.lock('gateway-webster')?.pid;
    if (pid) process.kill(pid, 'SIGKILL');
    thief.once('error', () => done(false));
    thief.listen(system.base + 4, '127.0.0.1', () => done(true));
  }));
  await until('it is held', () => systemctl('show', '--value', '--property=ActiveState', unit('webster')).stdout.trim() === 'failed');
  const status = system.own('status');
  assert.match(status.stdout, /webster +down, held/, status.text);
  assert.match(status.stdout, /hq start webster/);
  assert.match(status.stdout, /kept by systemd \(system\)/);
  const told = JSON.parse(system.own('status', '--json').stdout);
  assert.equal(told.supervisor.kind, 'systemd');
  assert.equal(told.agents.find((agent) => agent.id === 'webster').supervised, 'held');
  assert.equal(system.hq('service', 'status').code, 3);
  await new Promise((done) => thief.close(done));
  const start = system.hq('start', 'webster');
  assert.equal(start.code, 0, start.text);
  await system.ready('gateway-webster');
}

async function stopsByHand() {
  const stop = system.hq('stop', 'auditor');
  assert.equal(stop.code, 0, stop.text);
  assert.equal(system.lock('gateway-auditor'), null);
  assert.equal(system.hq('up').code, 0);
  assert.equal(system.lock('gateway-auditor'), null, 'up leaves alone whom a hand stopped');
  const status = system.own('status');
  assert.match(status.stdout, /auditor +down, stopped by hand/, status.text);
  const manager = system.lock('gateway-manager').pid;
  const restart = system.hq('restart', 'manager');
  assert.equal(restart.code, 0, restart.text);
  assert.notEqual(system.lock('gateway-manager').pid, manager);
}

async function journalIsTold() {
  const logs = system.hq('logs', '-n', '500');
  assert.match(logs.stdout, /^\d{4}-\d\d-\d\dT[\d:.]+Z info +hub: ready, pid/m, logs.text);
  assert.match(logs.stdout, /systemd: Started .*hq hub of/);
  const one = system.hq('logs', 'webster', '-n', '20', '--json').stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.ok(one.length > 0 && one.some((line) => line.process === 'webster') && one.every((line) => ['webster', 'systemd'].includes(line.process) && line.at && line.line), JSON.stringify(one[0]));
  const followed = system.hq('logs', '-f', '-n', '1', '--timeout', '1s');
  assert.ok(followed.stdout.length > 0, followed.text);
}

// Old gateways, new hub: then new gateways. Tasks run through it all.
async function isUpgraded() {
  const tasks = [];
  for (let i = 0; i < 4; i++) tasks.push(system.start(['manager', 'webster'][i % 2], `slow:${i}`));
  const exec = system.start('manager', 'sh:`sleep 3; echo survived`');
  renameSync('/opt/hq/hq-next', '/opt/hq/hq');
  const old = system.lock('hub').pid;
  systemctl('restart', unit('hub'));
  const hub = await system.ready('hub', old);
  assert.equal(hub.version, next);
  assert.equal(system.lock('gateway-manager').version, version, 'nobody else was restarted');
  assert.equal(system.ask('webster', 'hello after the upgrade').state, 'done');
  tasks.push(system.start('webster', 'slow:9'));
  const restart = system.hq('restart', 'manager', 'webster');
  assert.equal(restart.code, 0, restart.text);
  assert.equal(system.lock('gateway-webster').version, next);
  await until('every task is done', () => [...tasks, exec].every((id) => system.task(id).state === 'done'));
  assert.match(system.task(exec).result?.result ?? JSON.stringify(system.task(exec)), /survived/);
  assert.deepEqual((await system.ledger()).findings, []);
}

async function clusterScript() {
  const cluster = (...args) => system.hq('cluster.sh', ...args);
  assert.equal(cluster('restart', 'webster').code, 0);
  assert.match(system.own('cluster.sh', 'status').stdout, /kept by systemd/);
  assert.match(cluster('logs', 'webster').stdout, /webster: ready/);
  assert.equal(cluster('sing').code, 2);
  const stop = cluster('stop');
  assert.equal(stop.code, 0, stop.text);
  assert.equal(system.lock('hub'), null);
  const start = cluster('start');
  assert.equal(start.code, 0, start.text);
  await system.ready('hub');
}

async function isOneKeeper() {
  const up = user.hq('up', '-d', '--wait');
  assert.equal(up.code, 0, up.text);
  const refused = user.hq('service', 'install', '--user');
  assert.equal(refused.code, 3, refused.text);
  assert.match(refused.stderr, /sudo loginctl enable-linger keeper/);
  assert.equal(run(['loginctl', 'enable-linger', 'keeper']).code, 0);
  await until('its manager is there', () => existsSync('/run/user/1501/systemd/private'));
  const installed = user.hq('service', 'install', '--user');
  assert.equal(installed.code, 0, installed.text);
  assert.match(installed.stderr, /hq down/);
  assert.ok(existsSync('/var/lib/systemd/linger/keeper'), 'lingers');
  run(['systemctl', '--user', 'start', '--no-block', unit('hub')], { user: 'keeper' });
  await until('the second keeper is refused', () => /is up under `hq up`/.test(run(['journalctl', `_UID=1501`, '-o', 'cat']).stdout));
  run(['systemctl', '--user', 'stop', unit('hub')], { user: 'keeper' });
  assert.equal(user.hq('status').code, 0, 'the first goes on');
  assert.equal(user.hq('down').code, 0);
}

let loggedOut, hubBefore;
async function logsInAndOut() {
  const login = run(['su', '-l', 'keeper', '-c', `${hq} -C ${user.dir} up`]);
  assert.equal(login.code, 0, login.text);
  assert.match(login.stderr, /systemd keeps/);
  await user.allReady();
  hubBefore = user.lock('hub').pid;
  loggedOut = Date.now();
}

async function survivesLogout() {
  // UserStopDelaySec=, after which a user's manager without linger ends
  await sleep(Math.max(0, loggedOut + 11000 - Date.now()));
  assert.equal(run(['loginctl', 'list-sessions', '--no-legend']).stdout.trim(), '', 'nobody is logged in');
  assert.equal(user.lock('hub')?.pid, hubBefore);
  assert.match(user.hq('logs', 'hub').stdout, /hub: ready/);
}

// ---- the second boot ----

async function isBack() {
  await system.ready('hub');
  await system.ready('gateway-manager');
  await user.allReady();
  assert.equal(system.lock('gateway-auditor'), null, 'whom a hand stopped stays stopped over a boot');
  assert.equal(system.hq('start', 'auditor').code, 0);
  await system.ready('gateway-auditor');
  assert.match(system.own('status').stdout, /idle/);
}

async function isReloaded() {
  const path = join(system.dir, 'hq.yaml');
  const config = JSON.parse(readFileSync(path, 'utf8'));
  config.agents.newcomer = { port: system.base + 12, model: 'demo/newcomer' };
  delete config.agents.auditor;
  writeFileSync(path, JSON.stringify(config, null, 1));
  assert.equal(JSON.parse(system.hq('service', 'status', '--json').stdout).drift, true);
  const reload = system.hq('reload');
  assert.equal(reload.code, 0, reload.text);
  await system.ready('gateway-newcomer');
  await until('auditor is gone', () => !system.lock('gateway-auditor'));
  assert.equal(system.ask('newcomer', 'hello').state, 'done');
}

// What a stranger types: the README's own lines, then the service that its comment names.
async function readmeIsTrue() {
  const part = readFileSync('/run/README.md', 'utf8').split('## A company of your own')[1];
  const lines = part.split('\n\n')[1].split('\n').map((line) => line.trim());
  const service = /at boot, too: hq down, then (.*)$/m.exec(part)[1];
  const script = ['cd', ...lines, 'hq down', service, 'hq service status', 'rm -r state/logs', 'hq doctor -v'].join('\n');
  const told = run(['bash', '-exc', script], { user: 'keeper' });
  assert.equal(told.code, 0, told.text.slice(-1400));
  assert.match(told.stdout, /0 failures, 0 warnings|all is well|^ok +\d+ checks/m, told.stdout.slice(-1400));
  assert.ok(!/^(warn|fail) /m.test(told.stdout.split('started at boot').at(-1)), told.stdout.slice(-1400));
  assert.equal(run(['bash', '-ec', 'cd ~/acme; hq service uninstall'], { user: 'keeper' }).code, 0);
}

// Root's doctor would call everything of the owner's wrong, and tell how to break it.
async function rootIsToldWhoseItIs() {
  const told = JSON.parse(run([hq, '-C', system.dir, 'doctor', '--json']).stdout);
  const bad = told.items.filter((item) => ['warn', 'fail'].includes(item.severity));
  assert.deepEqual(bad.map((item) => item.id), ['sandbox/user']);
  assert.match(bad[0].fix, /^sudo -u owner /);
}

async function isUninstalled() {
  for (const company of [system, user]) {
    const gone = company.hq('service', 'uninstall');
    assert.equal(gone.code, 0, gone.text);
    assert.equal(company.lock('hub'), null);
    assert.ok(existsSync(join(company.dir, 'state/ledger.db')) || readdirSync(join(company.dir, 'state')).some((name) => name.includes('ledger')), 'the state stays');
    assert.equal(company.hq('service', 'status').code, 3);
  }
  assert.deepEqual(readdirSync('/etc/systemd/system').filter((name) => name.startsWith('hq-')), []);
  assert.deepEqual(readdirSync('/home/keeper/.config/systemd/user').filter((name) => name.startsWith('hq-')), []);
}

if (boot === 1) {
  system.write();
  user.write();
  await check('install writes the units and enables them', installs);
  await check('up starts the target, and all of it gets ready', comesUp);
  await check('exec works behind the walls of a system unit', () => execWorks(system));
  await check('a credential reaches the agents of a system unit', () => credentialsArrive(system));
  await check('two keepers at once are refused', isOneKeeper);
  await check('a user logs in, starts a company, logs out', logsInAndOut);
  await check('a killed hub is started again', () => isRestarted('hub', 'hub'));
  await check('a killed gateway is started again', () => isRestarted('gateway-manager', 'manager'));
  await check('a hub that hangs is started again by the watchdog', watchdogBites);
  await check('the start limit holds an agent, status says so, start brings it back', isHeld);
  await check('logs tell the journal', journalIsTold);
  await check('an upgrade under a running company loses no task', isUpgraded);
  await check('cluster.sh speaks to systemd', clusterScript);
  await check('stop, up and restart of single agents', stopsByHand);
  await check('a user\'s company survives the logout', survivesLogout);
  await check('a credential reaches the agents of a user\'s unit', () => credentialsArrive(user));
  await check('exec works in a user\'s unit', () => execWorks(user));
  await check('root\'s doctor says whose the company is', rootIsToldWhoseItIs);
  await check('the README\'s lines make a company that systemd keeps', readmeIsTrue);
} else {
  await check('both companies come up by themselves', isBack);
  await check('reload takes agents in and lets agents go', isReloaded);
  await check('uninstall leaves nothing but the company', isUninstalled);
}
await check('all was looked at', () => {});
