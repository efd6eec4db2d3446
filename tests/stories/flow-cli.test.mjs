// hq flow run, runs, show, watch, cancel, retry, signal and workflow.sh: what people type, and what the exit codes mean.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, Company, DEADLINE, rules, run, until } from './company.mjs';
import { inTerminal } from './terminal.mjs';

const gate = { needs: ['hello'], approve: { title: 'Release?', show: '${{ steps.hello.output }}', expires: '1h' } };
const hello = { agent: 'manager', task: 'echo:${{ inputs.who }}' };
const workflows = {
  simple: {
    name: 'simple',
    inputs: { who: { type: 'string', required: true }, count: { type: 'integer', default: 1 }, parts: { type: 'list', default: [] } },
    steps: { hello },
    output: { said: '${{ steps.hello.output }}', count: '${{ inputs.count }}', parts: '${{ inputs.parts }}' },
  },
  gated: { name: 'gated', inputs: { who: { type: 'string', default: 'gate' } }, steps: { hello, gate } },
  endless: { name: 'endless', steps: { hello: { agent: 'manager', task: 'forever' } } },
  healing: {
    name: 'healing', steps: {
      first: { agent: 'manager', task: 'echo:first' },
      second: { needs: ['first'], agent: 'manager', task: 'refused once', retry: { attempts: 1 } },
    },
    output: { first: '${{ steps.first.output }}', second: '${{ steps.second.output }}' },
  },
  bell: { name: 'bell', steps: { ring: { wait: { signal: 'ring' }, timeout: '1h' } }, output: '${{ steps.ring.output }}' },
};

async function open(t, options = {}) {
  const company = await Company.open(t, { up: false, ...options });
  mkdirSync(join(company.dir, 'workflows'));
  for (const [name, workflow] of Object.entries(workflows)) writeFileSync(join(company.dir, 'workflows', `${name}.yaml`), JSON.stringify(workflow, null, 1));
  if (options.up !== false) await company.up();
  return company;
}

const start = async (company, name, ...args) => {
  const { code, stdout, stderr } = await company.hq('flow', 'run', name, '--no-wait', ...args);
  assert.ok([0, 6].includes(code), `exit ${code}: ${stderr}`); // 6: it is at its gate already
  assert.match(stdout, /^r-[0-9a-z]{26}\n$/);
  return stdout.trim();
};

const waiting = (company, id) => until('the run waits', async () => {
  const { run: one } = (await company.hq('flow', 'show', id, '--json')).json;
  return one.state === 'waiting' && one;
});

// A command in the background; interrupt it when its standard error has said `cue`.
function background(company, args, cue, act) {
  return new Promise((done, fail) => {
    const child = spawn(binary, ['-C', company.dir, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '', err = '', acted = false;
    const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE);
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text) => {
      err += text;
      if (acted || !cue.test(err)) return;
      acted = true;
      Promise.resolve(act(child, err)).catch(fail);
    });
    child.on('error', fail);
    child.on('close', (code) => {
      clearTimeout(timer);
      done({ code, out, err });
    });
  });
}

test('run: the output on standard output, progress beside it; --json is one document', async (t) => {
  const company = await open(t);
  const plain = await company.hq('flow', 'run', 'simple', '-i', 'who=you');
  assert.equal(plain.code, 0, plain.stderr);
  assert.deepEqual(plain.json, { said: 'echo you', count: 1, parts: [] });
  // On a busy machine the step is over before the first look: then it is not seen at work.
  assert.match(plain.stderr, /run r-\w+ of simple\n([^]*hello +manager +works\n)?[^]*hello +manager +done/);
  assert.ok(!(plain.stdout + plain.stderr).includes('\u001b'));
  const json = await company.hq('flow', 'run', join(company.dir, 'workflows/simple.yaml'), '-i', 'who=you', '--json');
  assert.deepEqual([json.code, json.json.run.state, json.json.run.output.said, json.stderr], [0, 'done', 'echo you', '']);
  assert.equal((await company.hq('flow', 'run', 'simple', '-i', 'who=you', '-q')).stderr, '');
});

test('inputs: by type, from files; a wrong one is exit 2 and makes no run', async (t) => {
  const company = await open(t);
  writeFileSync(join(company.dir, 'who.txt'), 'file');
  writeFileSync(join(company.dir, 'in.yaml'), 'who: yaml\ncount: 7\nparts: [a, b]\n');
  const flow = (...args) => company.hq('flow', 'run', 'simple', ...args);
  assert.deepEqual((await flow('-i', `who=@${company.dir}/who.txt`, '-i', 'count=3', '-i', 'parts=a,b')).json, { said: 'echo file', count: 3, parts: ['a', 'b'] });
  assert.deepEqual((await flow('--input-file', `${company.dir}/in.yaml`, '-i', 'parts=["c"]')).json, { said: 'echo yaml', count: 7, parts: ['c'] });
  const before = (await company.hq('flow', 'runs', '--json')).json.items.length;
  for (const [args, words] of [[[], /who/], [['-i', 'who'], /"who" is not NAME=VALUE/], [['-i', 'who=a', '-i', 'count=many'], /count/],
    [['-i', 'who=a', '-i', 'cuont=3'], /cuont[^]*count/], [['-i', 'who=@/no/such/file'], /cannot be read/]]) {
    const wrong = await flow(...args);
    assert.equal(wrong.code, 2, JSON.stringify(wrong));
    assert.match(wrong.stderr, words);
  }
  assert.equal((await company.hq('flow', 'runs', '--json')).json.items.length, before);
});

test('a wrong file: every mistake with its place, exit 2; an unknown name; a company that is down', async (t) => {
  const company = await open(t, { up: false });
  const file = join(company.dir, 'workflows/wrong.yaml');
  writeFileSync(file, 'name: wrong\nsteps:\n  a:\n    agent: nobody\n    task: x\n    neds: [b]\n  b:\n    needs: [c]\n    agent: manager\n    task: y\n');
  const wrong = await company.hq('flow', 'run', 'wrong');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /wrong\.yaml:4:\d+: [^]*wrong\.yaml:6:\d+: [^]*neds[^]*wrong\.yaml:8:\d+: /);
  const json = await company.hq('flow', 'run', 'wrong', '--json');
  assert.equal(json.json.error.code, 'bad_workflow');
  assert.match((await company.hq('flow', 'run', 'simpel')).stderr, /simpel[^]*simple/);
  const down = await company.hq('flow', 'run', 'simple', '-i', 'who=you');
  assert.equal(down.code, 3, down.stderr);
});

test('a gate: told how to decide, 6 while only people are waited for, 0 once approved', async (t) => {
  const company = await open(t);
  const key = ['--key', 'one'];
  await waiting(company, await start(company, 'gated', ...key));
  const stopped = await company.hq('flow', 'run', 'gated', ...key, '--timeout', '2s');
  assert.equal(stopped.code, 6, stopped.stderr);
  const [, item] = /waiting for a person: (g-\w+) "Release\?"\n +echo gate\n[^]*hq -C \S+ inbox approve \1\n/.exec(stopped.stderr);
  assert.match(stopped.stderr, /come back with: hq -C \S+ flow watch r-/);
  assert.equal((await company.hq('flow', 'run', 'gated', ...key, '--no-wait')).code, 6, 'the same run, at its gate');
  const id = (await company.hq('flow', 'runs', '--json')).json.items[0].id;
  const seen = await company.hq('flow', 'watch', id, '--json', '--timeout', '200ms');
  assert.deepEqual([seen.code, JSON.parse(seen.stdout).run.state], [6, 'waiting']);
  assert.equal((await company.hq('inbox', 'approve', item)).code, 0);
  const again = await company.hq('flow', 'run', 'gated', ...key, '--json');
  assert.deepEqual([again.code, again.json.run.state], [0, 'done']);
  assert.equal((await company.hq('flow', 'runs', '--json')).json.items.length, 1);
});

test('a gate that is decided while somebody waits: approved 0, rejected 5 with who and why', async (t) => {
  const company = await open(t);
  const decide = (...word) => (child, err) => company.hq('inbox', word[0], /(g-\w+) "/.exec(err)[1], ...word.slice(1));
  const approved = await background(company, ['flow', 'run', 'gated'], /inbox reject/, decide('approve'));
  assert.equal(approved.code, 0, approved.err);
  const rejected = await background(company, ['flow', 'run', 'gated'], /inbox reject/, decide('reject', '-m', 'wrong load case'));
  assert.equal(rejected.code, 5, rejected.err);
  assert.match(rejected.err, /stopped at gate "gate": rejected by \S+: "wrong load case"/);
});

test('waiting ends, the run does not: --timeout 124, Ctrl-C 130; cancel ends it, 1', async (t) => {
  const company = await open(t);
  const late = await company.hq('flow', 'run', 'endless', '--timeout', '300ms');
  assert.equal(late.code, 124, late.stderr);
  const left = await background(company, ['flow', 'run', 'endless'], /works/, (child) => child.kill('SIGINT'));
  assert.equal(left.code, 130, left.err);
  assert.match(left.err, /the run goes on; come back with: hq -C \S+ flow watch r-/);
  const running = (await company.hq('flow', 'runs', '--state', 'running', '--json')).json.items;
  assert.equal(running.length, 2);
  const watched = background(company, ['flow', 'watch', running[0].id], /works/, () => company.hq('flow', 'cancel', running[0].id, '-m', 'enough'));
  assert.equal((await watched).code, 1);
  const cancelled = (await company.hq('flow', 'show', running[0].id, '--json')).json.run;
  assert.equal(cancelled.state, 'cancelled');
  assert.equal((await company.hq('flow', 'cancel', running[1].id)).code, 0);
});

test('a failed run: 1 and why; retry keeps what was done', async (t) => {
  const company = await open(t, { script: [{ when: { user: 'refused once' }, fault: { kind: 'refused', times: 1 }, say: 'taken' }, ...rules] });
  const failed = await company.hq('flow', 'run', 'healing');
  assert.equal(failed.code, 1);
  const [, id] = /run (r-\w+) failed at step second: [^]*hq flow retry/.exec(failed.stderr);
  const again = await company.hq('flow', 'retry', id);
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(again.json, { first: 'echo first', second: 'taken' });
  const [newest, old] = (await company.hq('flow', 'runs', '--json')).json.items;
  assert.equal(newest.retry_of, old.id);
  const { json } = await company.api('GET', '/v1/tasks?limit=100');
  assert.deepEqual(json.items.filter((task) => task.agent === 'manager').map((task) => task.instruction).sort(), ['echo:first', 'refused once', 'refused once']);
});

test('signal; show; its events', async (t) => {
  const company = await open(t);
  const id = await start(company, 'bell');
  await waiting(company, id);
  assert.equal((await company.hq('flow', 'signal', id, 'ring', '{loud')).code, 2);
  assert.equal((await company.hq('flow', 'signal', id, 'ring', '{"loud":true}')).code, 0);
  const watched = await company.hq('flow', 'watch', id);
  assert.equal(watched.code, 0, watched.stderr);
  assert.match(watched.stdout, /"loud": true/);
  const shown = await company.hq('flow', 'show', id.slice(0, 12));
  assert.match(shown.stdout, /^run r-\w+ of bell: done[^]*ring +wait [^]*output: /);
  const events = await company.hq('flow', 'show', id, '--events');
  assert.match(events.stdout, /run\.started[^]*run\.decided[^]*signal\.received[^]*run\.decided/);
  const lines = (await company.hq('flow', 'show', id, '--events', '--json')).stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((event) => event.seq), lines.map((_, i) => i + 1));
  const unknown = await company.hq('flow', 'show', 'r-00000');
  assert.notEqual(unknown.code, 0);
  assert.match(unknown.stderr, /no run r-00000/);
});

test('watch in a terminal draws the graph and lets go with Ctrl-C', async (t) => {
  const company = await open(t);
  const id = await start(company, 'gated');
  await waiting(company, id);
  const screen = await inTerminal(`${binary} -C ${company.dir} flow watch ${id}`, [[/hello[^]*gate[^]*\u001b\[\d+A/, '\u0003']]);
  assert.equal(screen.code, 130, screen.out);
  assert.match(screen.out, /gated: waiting[^]*hq inbox show g-[^]*come back with/);
  assert.equal((await waiting(company, id)).state, 'waiting');
});

test('run in a terminal: the gate is decided right there, on bytes that were shown', async (t) => {
  const company = await open(t);
  const command = `${binary} -C ${company.dir} flow run gated`;
  const approved = await inTerminal(command, [['then Enter: ', 'x\n'], ['then Enter: ', 'a\n']]);
  assert.equal(approved.code, 0, approved.out);
  assert.match(approved.out, /"Release\?"\r\n +echo gate\r\n +sha256 [0-9a-f]{12}/);
  const rejected = await inTerminal(command, [['then Enter: ', 'r\n'], ['why: ', 'too early\n']]);
  assert.equal(rejected.code, 5, rejected.out);
  assert.match(rejected.out, /too early/);
  const elsewhere = inTerminal(command, [['then Enter: ', '']]);
  const item = await until('the gate', async () => (await company.api('GET', '/v1/inbox')).json.items[0]);
  assert.equal((await company.hq('inbox', 'approve', item.id)).code, 0);
  assert.equal((await elsewhere).code, 0);
  const left = await inTerminal(command, [['then Enter: ', '\u0003']]);
  assert.equal(left.code, 130, left.out);
  assert.match(left.out, /the run goes on/);
});

test('workflow.sh, as a link', async (t) => {
  const company = await open(t);
  const link = join(company.dir, 'workflow.sh');
  symlinkSync(binary, link);
  const script = (...args) => run(link, args, { env: { HQ_DIR: company.dir } });
  const json = await script('simple', 'who=link', 'count=2', '--run-id', 'own');
  assert.deepEqual([json.code, json.json.run.output], [0, { said: 'echo link', count: 2, parts: [] }], json.stderr);
  const text = await script('simple', 'who=link', 'count=2', '--run-id', 'own', '--format', 'text');
  assert.deepEqual(text.json, { said: 'echo link', count: 2, parts: [] });
  assert.equal((await script('simple', 'who=x', '--format', 'xml')).code, 2);
  assert.equal((await script('endless', '--timeout', '1')).code, 124);
});
