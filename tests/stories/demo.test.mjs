// hq demo, as a newcomer meets it: the whole story, in a terminal and without one, and nothing left behind
// whatever ends it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, DEADLINE, processesOf, run, until } from './company.mjs';
import { inTerminal } from './terminal.mjs';

// A folder for the demo's own one; at the end it must be empty again and nobody may work in it.
function place(t, end) {
  const dir = mkdtempSync(join(tmpdir(), 'hq-demo-story-'));
  t.after(async () => {
    await end?.(dir);
    await until('all processes gone', () => processesOf(dir).length === 0).catch(() => {});
    const left = processesOf(dir);
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    const files = readdirSync(dir);
    rmSync(dir, { recursive: true, force: true });
    assert.deepEqual({ left, files }, { left: [], files: [] });
  });
  return dir;
}

const lines = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
const ofType = (events, type) => events.filter((event) => event.type === type);

test('the whole story: parallel work, a crash, a rate limit, one revision, a gate, a report', async (t) => {
  const dir = place(t);
  const demo = await run(binary, ['demo', '--auto-approve', '--fast', '--json'], { env: { TMPDIR: dir } });
  assert.equal(demo.code, 0, demo.stdout + demo.stderr);
  const events = lines(demo.stdout);
  assert.deepEqual(events.map((event) => event.type).filter((type) => type !== 'step').sort(),
    ['back', 'end', 'gate', 'killed', 'rate_limit', 'report', 'run', 'started', 'starting', 'up']);
  const order = (type) => events.findIndex((event) => event.type === type);
  assert.ok(order('killed') < order('back') && order('back') < order('gate') && order('rate_limit') < order('gate') && order('gate') < order('report'));
  const [killed] = ofType(events, 'killed'), [back] = ofType(events, 'back'), [up] = ofType(events, 'up');
  assert.equal(up.agents, 8);
  assert.ok(up.memory_kb > 0);
  assert.notEqual(killed.pid, back.pid);
  const steps = ofType(events, 'step');
  for (const step of ['plan', 'properties', 'geometry', 'choice', 'audit', 'revision', 'audit-again', 'release', 'report'])
    assert.ok(steps.some((event) => event.step === step && event.state === 'done'), `${step} is done`);
  const done = (step) => steps.find((event) => event.step === step && event.state === 'done').output;
  assert.equal(done('audit').verdict, 'CONDITIONAL', 'sent back');
  assert.equal(done('audit-again').verdict, 'PASS', '… once');
  assert.deepEqual(done('geometry'), { volume_cm3: 463, section: 'B-B, wall 2.4 mm', stress_mpa: 184 }, 'who was killed has answered');
  const [gate] = ofType(events, 'gate'), [report] = ofType(events, 'report'), [ended] = ofType(events, 'run');
  assert.match(gate.approval, /^g-/);
  assert.match(gate.subject_hash, /^[0-9a-f]{64}$/);
  assert.match(report.text, /Material of the bracket[^]*6061-T6[^]*PASS/);
  assert.equal(ended.output.material, '6061-T6');
  assert.deepEqual(events.at(-1), { ...events.at(-1), type: 'end', ok: true, code: 0, kept: false });
});

test('several at once do not meet', async (t) => {
  const dir = place(t);
  const demos = await Promise.all([1, 2, 3].map(() => run(binary, ['demo', '--auto-approve', '--fast', '--json'], { env: { TMPDIR: dir } })));
  assert.deepEqual(demos.map((demo) => demo.code), [0, 0, 0], demos.map((demo) => demo.stdout.slice(0, 500) + demo.stderr).join('\n'));
  assert.equal(new Set(demos.map((demo) => ofType(lines(demo.stdout), 'up')[0].hub_port)).size, 3);
});

test('for people: it teaches commands that are real, and fits 80 columns', async (t) => {
  const dir = place(t);
  const demo = await run(binary, ['demo', '--auto-approve', '--fast'], { env: { TMPDIR: dir, COLUMNS: '80', LC_ALL: 'C.UTF-8' } });
  assert.equal(demo.code, 0, demo.stdout + demo.stderr);
  assert.ok(!demo.stdout.includes('\u001b'), 'no escape sequences into a pipe');
  const wide = demo.stdout.split('\n').filter((line) => [...line].length > 80 && !line.includes(dir) && !line.startsWith('    '));
  assert.deepEqual(wide, []);
  const help = (await run(binary, ['help'])).stdout;
  for (const [, words] of demo.stdout.matchAll(/^ +hq (?:-C \S+ )?([a-z]+(?: [a-z]+)?)/gm))
    assert.ok(help.includes(`  ${words}`) || help.includes(`  ${words.split(' ')[0]} `), `hq ${words}`);
  assert.match(demo.stdout, /killed in the middle[^]*back after[^]*Make it yours/);
});

test('nobody to ask: it ends at the gate and says how, exit 6', async (t) => {
  const dir = place(t);
  const demo = await run(binary, ['demo', '--fast'], { env: { TMPDIR: dir } });
  assert.equal(demo.code, 6, demo.stdout + demo.stderr);
  assert.match(demo.stdout, /Release the trade study of the bracket\?[^]*ends at its gate[^]*--auto-approve/);
});

test('--keep leaves the company stopped with its open gate; it can be decided days later', async (t) => {
  const hq = (...args) => run(binary, ['-C', keep, ...args]);
  const dir = place(t, async () => {
    assert.equal((await hq('down', '--timeout', '0s')).code, 0);
    rmSync(keep, { recursive: true });
  });
  const keep = join(dir, 'mine');
  const demo = await run(binary, ['demo', '--fast', '--keep', keep, '--json'], { env: { TMPDIR: dir } });
  assert.equal(demo.code, 6, demo.stdout + demo.stderr);
  assert.deepEqual(processesOf(keep), []);
  const id = ofType(lines(demo.stdout), 'started')[0].run, gate = ofType(lines(demo.stdout), 'gate')[0].approval;
  assert.equal((await hq('up', '-d', '--wait')).code, 0);
  assert.equal((await hq('flow', 'show', id, '--json')).json.run.state, 'waiting');
  const approved = await hq('inbox', 'approve', gate);
  assert.equal(approved.code, 0, approved.stderr);
  const watched = await hq('flow', 'watch', id);
  assert.equal(watched.code, 0, watched.stdout + watched.stderr);
  assert.equal(JSON.parse(watched.stdout).material, '6061-T6');
});

test('--keep does not touch a folder that has something in it', async (t) => {
  const dir = place(t, (top) => rmSync(join(top, 'full'), { recursive: true }));
  const keep = join(dir, 'full');
  mkdirSync(keep);
  writeFileSync(join(keep, 'mine.txt'), 'mine');
  const demo = await run(binary, ['demo', '--fast', '--keep', keep], { env: { TMPDIR: dir } });
  assert.equal(demo.code, 2, demo.stdout + demo.stderr);
  assert.match(demo.stderr, /is there already/);
  assert.deepEqual(readdirSync(keep), ['mine.txt']);
  assert.equal(readFileSync(join(keep, 'mine.txt'), 'utf8'), 'mine');
});

// Sends the signal when the event was seen; gives exit code and all events.
function interrupted(dir, type, signal) {
  return new Promise((done, fail) => {
    const child = spawn(binary, ['demo', '--fast', '--auto-approve', '--json'], { env: { ...process.env, TMPDIR: dir }, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '', err = '', sent = false;
    const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE);
    child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
      if (sent || !out.includes(`"type":"${type}"`)) return;
      sent = true;
      child.kill(signal);
    });
    child.on('error', fail);
    child.on('close', (code) => {
      clearTimeout(timer);
      done({ code, events: lines(out), err });
    });
  });
}

for (const [type, signal, code] of [['starting', 'SIGINT', 130], ['up', 'SIGTERM', 143], ['started', 'SIGINT', 130],
  ['killed', 'SIGINT', 130], ['rate_limit', 'SIGHUP', 129]]) {
  test(`${signal} at "${type}" ends it and takes everything away`, async (t) => {
    const dir = place(t);
    const demo = await interrupted(dir, type, signal);
    assert.equal(demo.code, code, JSON.stringify(demo));
    assert.equal(demo.events.at(-1).type, 'end');
    assert.equal(ofType(demo.events, 'report').length, 0);
  });
}

const demoInTerminal = (dir, replies) => inTerminal(`${binary} demo --fast`, replies, { env: { TMPDIR: dir } });

test('in a terminal a person sees the exact bytes, asks for a change, then approves', async (t) => {
  const dir = place(t);
  const demo = await demoInTerminal(dir, [['then Enter: ', 'o\n'], ['then Enter: ', 'c\n'], ['changed: ', 'name the runner-up\n'],
    ['then Enter: ', 'a\n'], ['Enter or Ctrl-C ends it', '\n']]);
  assert.equal(demo.code, 0, demo.out);
  assert.match(demo.out, /sha256 [0-9a-f]{64}[^]*Looked at again, as asked:\s+name the runner-up[^]*Material of the bracket/);
});

test('in a terminal a person rejects: exit 5, no report', async (t) => {
  const dir = place(t);
  const demo = await demoInTerminal(dir, [['then Enter: ', 'r\n'], ['why: ', 'wrong load case\n']]);
  assert.equal(demo.code, 5, demo.out);
  assert.match(demo.out, /no report was written/);
  assert.ok(!demo.out.includes('Material of the bracket'));
});

test('in a terminal Ctrl-C at the gate ends it', async (t) => {
  const dir = place(t);
  const demo = await demoInTerminal(dir, [['then Enter: ', '\u0003']]);
  assert.equal(demo.code, 130, demo.out);
  assert.ok(!existsSync(join(dir, 'state')));
});
