// A company under a real systemd: boots this machine's /usr twice in a container (systemd-nspawn) and lets
// scenario.mjs look in there. usage: [HQ_BINARY=build/hq] node run.mjs [--keep]
// Ends with "N passed, N failed[, N skipped]"; where a container cannot run here, that is said and skipped.
import { spawnSync } from 'node:child_process';
import {
  chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const binary = resolve(here, '../..', process.env.HQ_BINARY ?? 'build/hq');
const BOOT_MS = 900000;

function skip(why) {
  console.log(`skipped: ${why}`);
  console.log('0 passed, 0 failed, 1 skipped');
  process.exit(0);
}

const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
if (process.getuid() !== 0) skip('only root may boot a container');
if (!has('systemd-nspawn')) skip('systemd-nspawn is not here (package systemd-container)');
if (!realpathSync(process.execPath).startsWith('/usr/')) skip(`${process.execPath} is not below /usr, which the container shares`);
for (const file of ['/usr/lib/systemd/systemd', '/usr/bin/dbus-daemon', '/etc/pam.d'])
  if (!existsSync(file)) skip(`${file} is not here`);

const work = mkdtempSync(join(tmpdir(), 'hq-systemd-'));
process.on('exit', () => {
  if (!process.argv.includes('--keep')) rmSync(work, { recursive: true, force: true });
});

// ---- what the container sees besides /usr ----

const folder = (name, mode = 0o755) => {
  mkdirSync(join(work, name), { recursive: true });
  chmodSync(join(work, name), mode);
  return join(work, name);
};
const binds = {
  '/etc/systemd/system': folder('units'),
  '/srv': folder('srv'),
  '/home': folder('home'),
  '/opt/hq': folder('opt'),
  '/result': folder('result'),
  '/var/lib/systemd/linger': folder('linger'),
  '/var/log/journal': folder('journal'),
};
const readOnly = { '/scenario': here, '/run/README.md': resolve(here, '../../README.md') };
for (const path of ['/etc/pam.d', '/etc/security', '/etc/nsswitch.conf', '/etc/alternatives', '/etc/login.defs'])
  if (existsSync(path)) readOnly[path] = path;

chmodSync(work, 0o755);
copyFileSync(binary, join(work, 'opt/hq'));
// The next release, for the upgrade: the same program that calls itself by another version.
const program = readFileSync(binary);
const version = spawnSync(binary, ['version', '--json'], { encoding: 'utf8' }).stdout.match(/"version": "([0-9.]+)"/)[1];
const next = version.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));
for (let at = 0; (at = program.indexOf(`${version}\0`, at)) >= 0; at++) program.write(next, at, 'latin1');
writeFileSync(join(work, 'opt/hq-next'), program);
for (const name of ['hq', 'hq-next']) chmodSync(join(work, 'opt', name), 0o755);

writeFileSync(join(work, 'hq.conf'), 'u owner 1500 "owns a company" /home/owner /bin/bash\nu keeper 1501 "keeps one" /home/keeper /bin/bash\n');
readOnly['/run/sysusers.d/hq.conf'] = join(work, 'hq.conf');
writeFileSync(join(work, 'scenario.service'), `[Unit]
Description=What is looked at
After=systemd-user-sessions.service dbus.service
[Service]
Type=exec
ExecStart=${realpathSync(process.execPath)} /scenario/scenario.mjs ${version} ${next}
ExecStopPost=/usr/bin/systemctl poweroff --no-block
`);
writeFileSync(join(work, 'machine-id'), `${'0123456789abcdef'.repeat(2)}\n`); // or each boot would be the first
readOnly['/etc/machine-id'] = join(work, 'machine-id');
readOnly['/run/systemd/system/scenario.service'] = join(work, 'scenario.service');
for (const [name, uid] of [['owner', 1500], ['keeper', 1501]]) {
  mkdirSync(join(work, 'home', name));
  chownSync(join(work, 'home', name), uid, uid);
}

// ---- two boots, one story ----

function boot(number) {
  writeFileSync(join(work, 'result/boot'), String(number));
  const options = [
    '--quiet', '--volatile=yes', '--boot', '-D', '/', '-M', `hq-test-${process.pid}-${number}`, '--register=no', '--keep-unit',
    '--private-network', '--system-call-filter=@mount landlock_create_ruleset landlock_add_rule landlock_restrict_self',
    ...Object.entries(binds).map(([to, from]) => `--bind=${from}:${to}`),
    ...Object.entries(readOnly).map(([to, from]) => `--bind-ro=${from}:${to}`),
    'systemd.firstboot=off', 'systemd.wants=scenario.service', 'systemd.mask=systemd-firstboot.service',
  ];
  const result = spawnSync('systemd-nspawn', options, { encoding: 'utf8', timeout: BOOT_MS, killSignal: 'SIGTERM', stdio: ['ignore', 'pipe', 'pipe'] });
  writeFileSync(join(work, `boot${number}.log`), result.stdout + result.stderr);
  return result;
}

function checks(number) {
  const path = join(work, `result/checks-${number}`);
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)) : [];
}

let passed = 0, failed = 0;
for (const number of [1, 2]) {
  const began = Date.now();
  const result = boot(number);
  const seen = checks(number);
  if (number === 1 && seen.length === 0 && /Operation not permitted|Failed to (mount|create)/.test(result.stderr))
    skip(`a container cannot boot here: ${result.stderr.trim().split('\n')[0]}`);
  for (const check of seen) {
    console.log(`${check.ok ? 'ok' : 'not ok'} - ${check.name}${check.detail ? `: ${check.detail}` : ''}`);
    if (check.ok) passed++;
    else failed++;
  }
  if (!seen.some((check) => check.name === `boot ${number}: all was looked at`)) {
    failed++;
    console.log(`not ok - boot ${number} did not end its story (${result.error?.message ?? `exit ${result.status}`})`);
    console.log((result.stdout + result.stderr).split('\n').slice(-25).join('\n'));
  }
  console.log(`# boot ${number}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
}
if (process.argv.includes('--keep')) console.log(`# kept: ${work}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
