// Inside an agent's exec: hq and its links act as that agent for that task, and nothing else of the
// company can be reached, read or written.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, binary, isAlive, processesOf, until } from './company.mjs';

// A sanitizer's shadow does not fit into the address space that a command gets.
const fits = spawnSync('/bin/sh', ['-c', `ulimit -v ${64 << 20}; exec ${binary} version`]).status === 0;
const story = (name, run) => test(name, { skip: fits ? false : 'this build of hq cannot run inside a command' }, run);

const names = ['manager', 'tech-lead', 'optimizer', 'webster', 'auditor'];
function open(t, options = {}) {
  return Company.open(t, {
    agents: names,
    ...options,
    change: (config) => {
      config.shared = { dir: 'shared', gatekeeper: 'manager' };
      config.agents.manager.delegates = ['*'];
      config.agents['tech-lead'].delegates = ['*', '!manager'];
      config.agents.optimizer.delegates = ['webster'];
      options.change?.(config);
    },
  });
}

// Runs the command as the agent's exec; the text that its model saw, and the agent's task.
async function exec(company, agent, command) {
  const asked = await company.ask(agent, `sh:\`${command}\``);
  assert.equal(asked.task?.state, 'done', asked.stdout + asked.stderr);
  return { text: asked.task.result.result.replace(/^result: /, ''), task: asked.task };
}

const tasksOf = async (company, agent) => (await company.api('GET', `/v1/tasks?agent=${agent}&limit=1000`)).json.items;

story('hq, delegate.sh and orchestrate.sh ask as the agent whose turn runs them', async (t) => {
  const company = await open(t);
  const asked = await exec(company, 'optimizer', 'hq ask webster "what is a mirror?" --json');
  const child = JSON.parse(asked.text).task;
  assert.equal(child.result.result, 'heard: what is a mirror?');
  assert.equal(child.caller, 'agent:optimizer');
  const row = (await company.task(child.id)).task;
  assert.equal(row.kind, 'delegation');
  assert.equal(row.parent, asked.task.id, 'it hangs below the task that ran the command');
  assert.deepEqual(row.path, ['optimizer', 'webster']);

  const orchestrated = JSON.parse((await exec(company, 'optimizer', 'orchestrate.sh webster "and a lens?" --format json')).text);
  assert.equal(orchestrated.result, 'heard: and a lens?');
  assert.equal(orchestrated.caller, 'agent:optimizer');

  const sent = await exec(company, 'optimizer', 'delegate.sh webster "later, please" --no-deliver');
  const { runId } = JSON.parse(sent.text);
  const later = await company.ended(runId);
  assert.equal(later.task.parent, sent.task.id);
  assert.equal(later.handoff.result, 'heard: later, please');

  const three = await exec(company, 'tech-lead',
    'for a in webster auditor optimizer; do hq ask $a "from $a" --json > $a.json & done; wait; grep -ho "heard: from [a-z]*" webster.json auditor.json optimizer.json');
  assert.equal(three.text, 'heard: from webster\nheard: from auditor\nheard: from optimizer\n');
  const looks = await exec(company, 'optimizer', 'hq task list | head -3; hq agent list; hq route "mirror" --json | head -c 1');
  assert.match(looks.text, /optimizer(.|\n)*tech-lead(.|\n)*\{/);

  const own = await exec(company, 'optimizer',
    'id=$(hq ask webster forever --no-wait --json | grep -o "t-[a-z0-9]*" | head -1); hq task cancel $id > /dev/null; hq task wait $id > /dev/null; hq task show $id --json; hq task tree $id');
  assert.match(own.text, /"state": "cancelled"/, 'what it made it may end');
  await company.check();
});

story('authority is the agent\'s, whatever the command calls itself', async (t) => {
  const company = await open(t);
  const before = (await tasksOf(company, 'auditor')).length;
  const forbidden = await exec(company, 'optimizer', 'hq ask auditor "hello" --json; echo code $?');
  assert.match(forbidden.text, /not_allowed/);
  assert.match(forbidden.text, /optimizer may not .*auditor.*manager/s, 'the refusal names who may');
  assert.match(forbidden.text, /code 4/);
  for (const command of ['orchestrate.sh auditor "hello" --caller manager', 'delegate.sh auditor "hello"'])
    assert.match((await exec(company, 'optimizer', `${command}; echo code $?`)).text, /may not(.|\n)*code [1-9]/, command);
  assert.match((await exec(company, 'webster', 'hq ask optimizer "hello"')).text, /webster may not/);
  assert.equal((await tasksOf(company, 'auditor')).length, before, 'nobody was asked');
  for (const command of ['hq status', 'hq up', 'hq down', 'hq task retry t-1', 'hq secrets', 'hq chat manager'])
    assert.match((await exec(company, 'optimizer', `${command} < /dev/null; echo code $?`)).text, /code [1-9]/, command);
  await company.check();
});

// Speaks the channel's own language, without hq: method, path, body.
const forger = `
my ($method, $path, $body) = @ARGV;
pipe(my $ask, my $put) && pipe(my $get, my $answer) or die "pipe: $!";
my $byte = 'q';
my $vector = pack('P Q', $byte, 1);
my $rights = pack('Q l l l l', 24, 1, 1, fileno($ask), fileno($answer));
my $head = pack('Q L x4 P Q P Q l x4', 0, 0, $vector, 1, $rights, length $rights, 0);
syscall(${process.arch === 'arm64' ? 211 : 46}, $ENV{HQ_TASK_FD} + 0, $head, 0) == 1 or die "sendmsg: $!\\n";
close $ask; close $answer;
print $put '{"method":"' . $method . '","path":"' . $path . '","body":' . ($body || 'null') . '}';
close $put;
print while <$get>;
print "\\n";
`;

story('nothing is forged through the channel, and nothing after the command', async (t) => {
  const company = await open(t);
  writeFileSync(join(company.workspace('webster'), 'forge.pl'), forger);
  const works = await exec(company, 'webster', 'perl forge.pl GET /v1/agents');
  assert.match(works.text, /"status":200/, 'the forger itself speaks well');
  const victim = (await company.hq('ask', 'manager', 'pause5s:v', '--no-wait', '--json')).json.task;
  const finish = JSON.stringify({ request: 'forged', ops: [{ op: 'finish', task: victim.id, fence: 1, handoff: { status: 'complete', result: 'made up' } }] });
  for (const [method, path, body] of [
    ['POST', '/v1/batch', finish], ['POST', '/v1/claim', '{}'], ['POST', '/v1/register', '{}'], ['PUT', '/v1/blobs', '{}'],
    ['POST', `/v1/tasks/${victim.id}/retry`, '{}'], ['POST', `/v1/tasks/${victim.id}/note`, '{}'],
    ['GET', '/v1/status', ''], ['POST', '/v1/tasks/../batch', finish], ['POST', '/v1/tasks/%2e%2e/batch', finish],
  ]) {
    const { text } = await exec(company, 'webster', `perl forge.pl ${method} '${path}' '${body}'`);
    assert.match(text, /"status":403/, `${method} ${path}: ${text}`);
    assert.match(text, /is not open to a command that an agent runs/);
  }
  const cancelled = await exec(company, 'webster', `perl forge.pl POST /v1/tasks/${victim.id}/cancel '{}'`);
  assert.match(cancelled.text, /"status":40[34]/, 'another agent\'s task');
  const foreign = await exec(company, 'webster',
    `perl forge.pl POST /v1/tasks '{"kind":"ask","agent":"auditor","instruction":"x","key":"k","caller":"operator","parent":"${victim.id}","fence":1}'`);
  assert.match(foreign.text, /"status":403/);
  const done = await company.ended(victim.id);
  assert.equal(done.handoff.result, 'paused v', 'its result is its own');

  const left = await exec(company, 'optimizer',
    'nohup setsid sh -c "while ! [ -e go ]; do sleep 0.05; done; hq ask webster late" > /dev/null 2>&1 & echo started');
  assert.equal(left.text, 'started\n');
  writeFileSync(join(company.workspace('optimizer'), 'go'), '');
  await until('nothing of it is left', () => processesOf(company.dir).every((info) => !info.cwd.startsWith(company.workspace('optimizer'))));
  assert.deepEqual((await tasksOf(company, 'webster')).filter((task) => task.caller === 'agent:optimizer'), []);
  await company.check();
});

story('the company is out of sight: secrets, state, socket, configuration', async (t) => {
  const company = await open(t);
  const { dir } = company;
  const see = async (command) => (await exec(company, 'webster', `${command} 2>&1`)).text;
  for (const path of ['secrets', 'secrets/operator.token', 'secrets/webster.token', 'state', 'state/ledger.db', 'state/run', 'state/logs', 'hq.yaml', 'workspaces/manager']) {
    const text = await see(`ls ${dir}/${path}/ ; cat ${dir}/${path}`);
    assert.match(text, /Permission denied/, path);
    assert.ok(!text.includes(company.token('operator')) && !text.includes(company.token('webster')), path);
  }
  assert.match(await see(`perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0) or die qq(socket $!\\n); connect(S,pack_sockaddr_un(q(${dir}/state/hub.sock))) or die qq(connect $!\\n); print 1'`), /socket Operation not permitted/);
  const bin = await see(`ls ${dir}/state/bin; command -v hq; env | grep -c -i -e token -e secret; hq version`);
  assert.match(bin, new RegExp(`^delegate.sh\\nhq\\norchestrate.sh\\n${dir}/state/bin/hq\\n0\\nhq `));
  assert.match(await see(`echo x > ${dir}/state/bin/hq; ln -sf /bin/true ${dir}/state/bin/hq; rm ${dir}/state/bin/hq; echo x > ${binary}`), /Read-only|Permission denied/);
  assert.equal(readlinkSync(join(dir, 'state/bin/hq')), binary);
  const operator = await see(`unset HQ_TASK_FD; hq -C ${dir} task list; echo code $?`);
  assert.match(operator, /hq\.yaml.*Permission denied(.|\n)*code [1-9]/, 'without the channel it is nobody');
  assert.match(await see('HQ_TASK_FD=7 hq ask optimizer x; echo code $?'), /HQ_TASK_FD(.|\n)*code [1-9]/);
});

story('of the shared folder one agent keeps one file, and nobody writes the logs', async (t) => {
  const company = await open(t);
  const shared = join(company.dir, 'shared');
  const status = join(shared, 'PROJECT_STATUS.md');
  assert.equal(statSync(status).mode & 0o777, 0o644, 'made by the gatekeeper\'s gateway');
  assert.equal(readFileSync(status, 'utf8'), '');
  assert.equal((await exec(company, 'manager', `echo "all is well" > ${status}; echo more >> ${status}; cat ${status}`)).text, 'all is well\nmore\n');
  assert.match((await exec(company, 'webster', `cat ${status}; echo mine > ${status}`)).text,
    /all is well(.|\n)*Only manager may write PROJECT_STATUS\.md; ask manager\./);
  const written = async (agent, path) => (await company.ask(agent, `put:${path}`)).task.result.result;
  assert.match(await written('webster', status), /Only manager may write PROJECT_STATUS\.md; ask manager\./);
  assert.equal(readFileSync(status, 'utf8'), 'all is well\nmore\n');
  assert.match(await written('manager', status), /Successfully wrote/);
  assert.equal(readFileSync(status, 'utf8'), 'put\n');
  for (const log of ['project_log.md', 'orchestration-log.md']) {
    const path = join(shared, log);
    const before = existsSync(path) && readFileSync(path, 'utf8');
    for (const agent of ['manager', 'webster']) {
      assert.match(await written(agent, path), /written by hq itself/);
      const { text } = await exec(company, agent, `echo forged >> ${path}; mv ${status} ${path}; ln -s ${status} ${path}`);
      assert.match(text, /written by hq itself/);
    }
    const after = existsSync(path) ? readFileSync(path, 'utf8') : '';
    assert.ok(!after.includes('forged\n') && after.startsWith(before || ''), 'only hq added to it');
  }
  // A link in the file's place opens nothing.
  unlinkSync(status);
  symlinkSync(join(company.dir, 'hq.yaml'), status);
  const config = readFileSync(join(company.dir, 'hq.yaml'), 'utf8');
  await exec(company, 'manager', `echo x >> ${status}`);
  assert.match(await written('manager', status), /symbolic link/);
  assert.equal(readFileSync(join(company.dir, 'hq.yaml'), 'utf8'), config);
});

story('a command that asks waits out the death of the hub', async (t) => {
  const company = await open(t);
  const asked = (await company.hq('ask', 'optimizer', 'sh:`hq ask webster pause5s:y --json`', '--no-wait', '--json')).json.task;
  await until('the child works', async () => (await tasksOf(company, 'webster')).some((task) => task.state === 'working'));
  const pid = company.kill('hub');
  await company.reborn('hub', pid);
  const end = await company.ended(asked.id);
  assert.match(end.handoff.result, /"result": "paused y"/);
  assert.equal((await tasksOf(company, 'webster')).length, 1, 'asked once');
  await company.check();
});

// Where the gateway dies between a request and its answer the command dies with it and is not run again:
// what it asked for was asked for once at most.
for (const point of ['door.request.after', 'door.answer.before', 'door.answer.after'])
  story(`the gateway dies at ${point}`, async (t) => {
    const marks = mkdtempSync(join(tmpdir(), 'hq-marks-'));
    t.after(() => rmSync(marks, { recursive: true, force: true }));
    const company = await open(t, { env: { HQ_CRASH_DIR: marks, HQ_CRASH_AT: `gateway-optimizer/${point}#1` } });
    const asked = (await company.ask('optimizer', 'sh:`hq ask webster once --no-wait --json; echo code $?`')).task;
    assert.equal(asked.state, 'done');
    assert.match(asked.result.result, /Unknown: the process died while exec ran/);
    const children = await tasksOf(company, 'webster');
    assert.ok(children.length <= 1 && (point === 'door.request.after' || children.length === 1), `${children.length} children`);
    for (const child of children) assert.equal(child.parent, asked.id);
    await company.check();
  });

story('a command that asks is cancelled with its task, and dies with its gateway', async (t) => {
  const company = await open(t);
  const started = () => existsSync(join(company.workspace('optimizer'), 'started'));
  const asked = (await company.hq('ask', 'optimizer', 'sh:`touch started; hq ask webster forever --json`', '--no-wait', '--json')).json.task;
  await until('the child works', async () => started() && (await tasksOf(company, 'webster')).some((task) => task.state === 'working'));
  assert.equal((await company.hq('task', 'cancel', asked.id)).code, 0);
  const end = await company.ended(asked.id);
  assert.equal(end.task.state, 'cancelled');
  await until('the child is cancelled with it', async () => (await tasksOf(company, 'webster')).every((task) => task.state === 'cancelled'));

  unlinkSync(join(company.workspace('optimizer'), 'started'));
  const again = (await company.hq('ask', 'optimizer', 'sh:`touch started; hq ask webster forever --json`', '--no-wait', '--json')).json.task;
  await until('the next child works', async () => started() && (await tasksOf(company, 'webster')).some((task) => task.state === 'working'));
  const inside = processesOf(company.dir).filter((info) => info.cwd.startsWith(company.workspace('optimizer')));
  assert.ok(inside.length > 0);
  company.kill('gateway-optimizer');
  await until('the command is dead', () => !inside.some((info) => isAlive(info.pid)));
  const after = await company.ended(again.id);
  assert.match(after.handoff.result, /Unknown: the process died while exec ran/);
  await company.check();
});
