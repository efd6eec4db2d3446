// What an agent's command may not do: each attempt is refused or contained, and the agent lives on.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, binary, processesOf, until } from './company.mjs';

const sh = async (company, command, ...args) => {
  const { task } = await company.ask('manager', `sh:\`${command}\``, ...args);
  assert.ok(task, 'no task');
  return task;
};

function commandLines() {
  return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).map((entry) => {
    try {
      return readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ');
    } catch {
      return '';
    }
  });
}

test('a plain command runs in the workspace and its output comes back', async (t) => {
  const company = await Company.open(t);
  const task = await sh(company, 'pwd; echo made > made.txt; ls');
  assert.equal(task.state, 'done');
  assert.match(task.result.result, /made\.txt/);
  assert.equal(readFileSync(join(company.workspace('manager'), 'made.txt'), 'utf8'), 'made\n');
  const failed = await sh(company, 'exit 3');
  assert.match(failed.result.result, /Command exited with code 3/);
});

test('secrets, state and other workspaces cannot be read, nor anything outside be written', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  writeFileSync(join(company.workspace('tech-lead'), 'private.txt'), 'OTHER-AGENT-SECRET\n');
  const secret = company.token('operator');
  for (const path of [
    join(company.dir, 'secrets/operator.token'), join(company.dir, 'secrets/manager.token'),
    join(company.dir, 'state/ledger.db'), join(company.workspace('tech-lead'), 'private.txt'),
    '../../secrets/operator.token', '../tech-lead/private.txt', '/proc/1/environ',
  ]) {
    const task = await sh(company, `cat ${path} && echo READ-IT`);
    assert.ok(!task.result.result.includes('READ-IT'), path);
    assert.ok(!task.result.result.includes(secret) && !task.result.result.includes('OTHER-AGENT-SECRET'), path);
  }
  for (const path of ['/tmp/hq-escape.txt', join(company.dir, 'hq.yaml'), join(company.dir, 'escape.txt'), '../tech-lead/escape.txt']) {
    const task = await sh(company, `echo escaped >> ${path} && echo WROTE-IT`);
    assert.ok(!task.result.result.includes('WROTE-IT'), path);
  }
  assert.ok(!existsSync('/tmp/hq-escape.txt'));
  const link = await sh(company, `ln -s ${company.dir}/secrets link; cat link/operator.token && echo READ-IT`);
  assert.ok(!link.result.result.includes('READ-IT'));
});

test("the hub's socket, hq itself and ports are out of reach", async (t) => {
  const company = await Company.open(t);
  const server = net.createServer((socket) => socket.end('CONNECTED-TO-ME\n')).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  t.after(() => server.close());
  const connect = await sh(company, `exec 3<>/dev/tcp/127.0.0.1/${server.address().port} && cat <&3; bash -c 'cat < /dev/tcp/127.0.0.1/${server.address().port}'; echo over`);
  assert.ok(!connect.result.result.includes('CONNECTED-TO-ME'));
  const running = (await company.hq('ask', 'manager', 'forever', '--no-wait', '--json')).json.task;
  const cancel = await sh(company, `${binary} -C ${company.dir} task cancel ${running.id} && echo CANCELLED-IT`);
  assert.ok(!cancel.result.result.includes('CANCELLED-IT'));
  assert.notEqual((await company.task(running.id)).task.state, 'cancelled');
  const python = "import socket;s=socket.socket(socket.AF_UNIX);s.connect(chr(115));print(1)";
  const unix = await sh(company, `python3 -c '${python}' || perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0) or die "no socket: $!"; print "GOT-SOCKET"'`);
  assert.ok(!unix.result.result.includes('GOT-SOCKET'));
  assert.ok(!unix.result.result.includes('No such file'), 'refused at the socket, not at the path');
});

test('nothing outlives its turn: setsid, double fork, nohup', async (t) => {
  const company = await Company.open(t);
  const task = await sh(company, "setsid sleep 4711.1 & (setsid sh -c 'sleep 4711.2 &' &) ; nohup sleep 4711.3 >/dev/null 2>&1 & sleep 0.2; echo gone");
  assert.equal(task.state, 'done');
  await until('all gone', () => commandLines().every((line) => !line.includes('4711.')));
});

test('a command that never ends is ended at its time-out, at cancel and with its agent', async (t) => {
  const company = await Company.open(t, { agent: { tools: { allow: ['exec'], exec: { timeout: '3s' } } } });
  const late = await sh(company, 'echo begun; sleep 4712.1');
  assert.match(late.result.result, /begun/);
  await until('timed out and gone', () => commandLines().every((line) => !line.includes('4712.')));

  company.config.agents.manager.tools.exec.timeout = '600s';
  company.writeConfig(company.config);
  assert.equal((await company.hq('restart', 'manager')).code, 0);
  const asked = (await company.hq('ask', 'manager', 'sh:`sleep 4713.1`', '--no-wait', '--json')).json.task;
  await until('it sleeps', () => commandLines().some((line) => line.includes('sleep 4713.1')));
  await company.hq('task', 'cancel', asked.id);
  await until('cancelled and gone', () => commandLines().every((line) => !line.includes('4713.')));

  await company.hq('ask', 'manager', 'sh:`setsid sleep 4714.1`', '--no-wait', '--json');
  await until('it sleeps', () => commandLines().some((line) => line.includes('sleep 4714.1')));
  company.kill('gateway-manager');
  await until('killed and gone', () => commandLines().every((line) => !line.includes('4714.')));
});

test('a fork bomb, a gigabyte of output and a full disk are contained', async (t) => {
  const company = await Company.open(t, { agents: 2, agent: { tools: { allow: ['exec'], exec: { timeout: '10s' } } } });
  const bomb = sh(company, 'f() { f | f & }; f; sleep 1; echo survived');
  const beside = await company.ask('tech-lead', 'echo:alive');
  assert.equal(beside.task.result.result, 'echo alive', 'others work on');
  assert.ok(['done', 'failed'].includes((await bomb).state));
  await until('no child is left', () => processesOf(company.dir).every((info) => info.command.startsWith(binary)));

  const flood = await sh(company, 'head -c 1000000000 /dev/zero | tr "\\\\0" x; echo END');
  assert.equal(flood.state, 'done');
  assert.ok(flood.result.result.length < 1_000_000, String(flood.result.result.length));

  const disk = await sh(company, 'head -c 8G /dev/zero > big.bin; ls -l big.bin');
  assert.equal(disk.state, 'done');
  const big = join(company.workspace('manager'), 'big.bin');
  if (existsSync(big)) assert.ok(statSync(big).size < 8e9, String(statSync(big).size));
  assert.equal((await company.ask('manager', 'echo:after')).task.result.result, 'echo after');
});

test('file tools stay in the workspace: parent folders, absolute paths, links', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  writeFileSync(join(company.workspace('tech-lead'), 'private.txt'), 'OTHER-AGENT-SECRET\n');
  await sh(company, `ln -s ${company.dir}/secrets way; ln -s ../tech-lead/private.txt direct; mkdir real`);
  for (const path of ['../tech-lead/private.txt', join(company.workspace('tech-lead'), 'private.txt'),
    'way/operator.token', 'direct', 'real/../../tech-lead/private.txt', '/etc/shadow', '/proc/self/environ']) {
    const { task } = await company.ask('manager', `cat:${path}`);
    assert.ok(!task.result.result.includes('OTHER-AGENT-SECRET'), path);
    assert.ok(!task.result.result.includes(company.token('operator')), path);
    assert.ok(!/root:/.test(task.result.result), path);
  }
  for (const path of ['../escape.txt', 'way/escape.token', join(company.dir, 'escape.txt')]) {
    await company.ask('manager', `put:${path}`);
    assert.ok(!existsSync(join(company.dir, 'escape.txt')) && !existsSync(join(company.dir, 'workspaces/escape.txt')), path);
    assert.ok(!existsSync(join(company.dir, 'secrets/escape.token')), path);
  }
});

test('a link swapped in while files are written never leads out', async (t) => {
  const company = await Company.open(t, { agent: { tools: { allow: ['exec', 'write'], exec: { timeout: '20s' } } } });
  const swapping = sh(company, `mkdir -p real; i=0; while [ $i -lt 3000 ]; do ln -sfn real race; ln -sfn ../../secrets race; i=$((i+1)); done; rm -f race; echo swapped`);
  const puts = Promise.all(Array.from({ length: 40 }, (_, i) => company.ask('manager', `put:race/stolen${i}.txt`)));
  await Promise.all([swapping, puts]);
  assert.deepEqual(readdirSync(join(company.dir, 'secrets')).filter((name) => name.startsWith('stolen')), []);
});

test("no secret is in a command's environment", async (t) => {
  const company = await Company.open(t, { env: { ANTHROPIC_API_KEY: 'sk-very-secret' } });
  const task = await sh(company, 'env; ls -l /proc/self/fd');
  assert.ok(!task.result.result.includes('sk-very-secret'));
  assert.ok(!/TOKEN|SECRET|HQ_READY/i.test(task.result.result), task.result.result);
});
