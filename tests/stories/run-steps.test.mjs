// Commands of workflows: what a `run` step may do, what its output becomes, and what is known after a
// death.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { processesOf, until } from './company.mjs';
import { ended, open, run, start } from './folders.mjs';

const folder = (company, id) => join(company.dir, 'state/runs', id);

test('output is text or JSON, and what is wrong with it says so', async (t) => {
  const company = await open(t, { flow: { steps: {
    text: { run: 'echo two; echo words' },
    json: { needs: ['text'], run: 'printf %s "$WORDS" | tr "\\n" " " | sed "s/.*/{\\"words\\": \\"&\\"}/"; echo noise >&2',
      with: { WORDS: '${{ steps.text.output }}' }, output: { format: 'json' } },
    fed: { needs: ['json'], run: 'cat; echo', input: '${{ steps.json.output }}', output: { format: 'json' } },
    bad: { run: 'echo not json', output: { format: 'json' }, continue_on_error: true },
    misfit: { run: 'echo 7', output: { format: 'json', schema: { type: 'string' } }, continue_on_error: true },
    exit: { run: 'echo out; echo "the reason" >&2; exit 3', continue_on_error: true },
    slow: { run: 'sleep 60', timeout: '1s', continue_on_error: true },
    much: { run: 'head -c 1100000 /dev/zero | tr "\\0" x', continue_on_error: true },
  }, output: '${{ steps.fed.output }}' } });
  const done = await run(company, 'flow');
  const { steps } = done;
  assert.equal(steps.text.output, 'two\nwords');
  assert.deepEqual(steps.json.output, { words: 'two words' });
  assert.deepEqual(done.output, { words: 'two words' });
  assert.equal(done.state, 'done');
  const failure = (step) => `${steps[step].failure.class}: ${steps[step].failure.message}`;
  assert.match(failure('bad'), /^malformed: .*not JSON/);
  assert.match(failure('misfit'), /^malformed: .*schema/);
  assert.match(failure('exit'), /^failed: exit code 3: the reason/);
  assert.match(failure('slow'), /^timeout: /);
  assert.match(failure('much'), /^malformed: .*half an output/);
  await company.check();
});

const nasty = [
  `'; touch ${'/tmp/hq-injected'}; '`, '$(touch injected)', '`touch injected`', '"; touch injected; "', 'a\nb\ntouch injected\n',
  '\\', '-rf /', '${IFS}', '%s%n', '\u0007\u001b[31m', 'x=1 LD_PRELOAD=/x', '\ud83d\ude80',
];

test('a value stays a value', async (t) => {
  const company = await open(t, { flow: { inputs: { text: { type: 'string', required: true } }, steps: {
    env: { run: 'printf %s "$TEXT" | od -An -v -tx1 | tr -d " \\n"; test -e injected && echo INJECTED', with: { TEXT: '${{ inputs.text }}' }, continue_on_error: true },
    fed: { run: 'od -An -v -tx1 | tr -d " \\n"', input: '${{ inputs.text }}' },
    list: { needs: ['env', 'fed'], run: 'ls -A' },
  } } });
  const runs = await Promise.all(nasty.map(async (text) => ({ text, run: await run(company, 'flow', { text }) })));
  for (const { text, run: done } of runs) {
    const hex = Buffer.from(text).toString('hex');
    assert.equal(done.steps.fed.output, hex, text);
    assert.match(JSON.stringify(done.steps.env), new RegExp(hex), text);
    assert.ok(!JSON.stringify(done.steps).includes('INJECTED'), text);
    assert.ok(!done.steps.list.output.includes('injected'), text);
  }
  assert.ok(!existsSync('/tmp/hq-injected'));
  await company.check();
});

test('a NUL, a megabyte and names that change programs are refused or harmless', async (t) => {
  const company = await open(t, { flow: { inputs: { text: { type: 'string', required: true, max_length: 1048576 } }, steps: {
    env: { run: 'printf %s "$TEXT" | wc -c', with: { TEXT: '${{ inputs.text }}' }, continue_on_error: true },
    fed: { run: 'cat | wc -c', input: '${{ inputs.text }}', continue_on_error: true },
  } } });
  const many = (await run(company, 'flow', { text: 'x'.repeat(1_000_000) })).steps;
  assert.equal(many.fed.output, '1000000');
  assert.equal(many.env.failure.class, 'refused');
  assert.match(many.env.failure.message, /Give it as `input`/);
  const nul = await company.api('POST', '/v1/runs', { workflow: 'flow', inputs: { text: 'a\0b' }, key: 'nul' });
  assert.ok(nul.status >= 400 && nul.status < 500, nul.text);
  for (const name of ['LD_PRELOAD', 'PATH', 'BASH_ENV', 'IFS', 'HQ_TASK_FD', 'PYTHONPATH']) {
    const bundle = { v: 1, entry: 'x', files: { 'x.yaml': JSON.stringify({ name: 'x', steps: { a: { run: 'true', with: { [name]: 'y' } } } }) }, blobs: {} };
    const answer = await company.api('POST', '/v1/runs', { bundle, inputs: {}, key: `env-${name}` });
    assert.equal(answer.status, 422, `${name}: ${answer.text}`);
  }
});

test('the run has its own copy of the folder, and nothing else', async (t) => {
  const company = await open(t, { flow: { steps: {
    make: { run: 'sh tools/make.sh > made.txt && cat made.txt' },
    see: { needs: ['make'], run: 'cat made.txt; ls; pwd' },
    out: { run: 'cat ../../../hq.yaml ../../../secrets/* ../../hub.sock 2>&1; echo; touch ../x /tmp/hq-x 2>&1; env; curl -s http://127.0.0.1:1 2>&1; echo "curl $?"; exit 0' },
  } } }, { files: { 'flow/tools/make.sh': 'echo made by the tool\n' } });
  const id = await start(company, 'flow');
  writeFileSync(join(company.dir, 'workflows/flow/tools/make.sh'), 'echo changed\n');
  const done = await ended(company, id);
  assert.equal(done.state, 'done', JSON.stringify(done.steps));
  assert.equal(done.steps.make.output, 'made by the tool');
  assert.match(done.steps.see.output, /^made by the tool\nmade\.txt\ntools\nworkflow\.yaml\n/);
  assert.ok(done.steps.see.output.endsWith(`/state/runs/${id}`));
  assert.ok(!existsSync('/tmp/hq-x') && !existsSync(join(company.dir, 'state/runs/x')));
  const { output } = done.steps.out;
  for (const name of ['operator', 'runner', 'manager']) assert.ok(!output.includes(company.token(name)));
  assert.ok(!output.includes('company: story') && !output.includes('"company"'));
  assert.match(output, /Permission denied/);
  assert.doesNotMatch(output, /HQ_|TOKEN|KEY=/);
  assert.match(output, /curl [1-9]/);
  assert.deepEqual(readdirSync(join(company.dir, 'state/runs')), [id]);
});

test('the process that runs commands holds no more than its token', async (t) => {
  process.env.SECRET_API_KEY = 'sk-very-secret';
  t.after(() => delete process.env.SECRET_API_KEY);
  const company = await open(t, { flow: { steps: { a: { run: 'true' } } } });
  const environment = readFileSync(`/proc/${company.pid('runner')}/environ`, 'utf8');
  assert.ok(!environment.includes('sk-very-secret'));
  assert.equal((await run(company, 'flow')).state, 'done');
  const token = company.token('runner');
  for (const [method, path] of [['GET', '/v1/tasks'], ['GET', '/v1/inbox'], ['GET', '/v1/jobs'], ['POST', '/v1/runs']]) {
    const answer = await company.api(method, path, method === 'POST' ? { workflow: 'flow', key: 'x' } : undefined, token);
    assert.ok(answer.status === 403 || (answer.status === 200 && answer.json.items.every((item) => item.agent === 'hq.runner')), `${path}: ${answer.text.slice(0, 200)}`);
  }
  const claim = await company.api('POST', '/v1/claim', { request: 'r', agent: 'manager', nonce: 'n', max: 1, wait_ms: 0 }, token);
  assert.equal(claim.status, 403);
});

// One try is running; the runner dies.
async function killed(t, policy) {
  const company = await open(t, { flow: { steps: {
    slow: { run: 'echo begun >> ran; test -e go && exit 0; touch waits; sleep 600', ...(policy ? { on_unknown: policy } : {}) },
  } } });
  const id = await start(company, 'flow');
  const file = join(folder(company, id), 'ran');
  await until('the command has looked for go', () => existsSync(join(folder(company, id), 'waits')));
  const pid = company.kill('runner');
  writeFileSync(join(folder(company, id), 'go'), '');
  await company.reborn('runner', pid);
  return { company, id, begun: () => readFileSync(file, 'utf8').trim().split('\n').length };
}

test('after a death people are asked whether the command runs again', async (t) => {
  for (const decision of ['approved', 'rejected']) {
    const { company, id, begun } = await killed(t);
    const item = await until('an item in the inbox', async () => (await company.api('GET', '/v1/inbox')).json.items[0]);
    assert.equal(item.kind, 'ambiguous');
    assert.match(item.title, /Run again\? echo begun/);
    assert.equal(begun(), 1, 'nothing ran by itself');
    assert.equal(processesOf(company.dir).filter(({ command }) => command.includes('sleep 600')).length, 0);
    const answer = await company.api('POST', `/v1/inbox/${item.id}`, { decision, feedback: 'I looked.' });
    assert.equal(answer.status, 200, answer.text);
    const done = await ended(company, id);
    assert.equal(done.state, decision === 'approved' ? 'done' : 'failed', JSON.stringify(done));
    assert.equal(begun(), decision === 'approved' ? 2 : 1);
    if (decision === 'rejected') assert.equal(done.failure.class, 'refused');
    await company.check();
  }
});

test('on_unknown: retry runs it again, fail ends it', async (t) => {
  const again = await killed(t, 'retry');
  assert.equal((await ended(again.company, again.id)).state, 'done');
  assert.equal(again.begun(), 2);
  const failed = await killed(t, 'fail');
  const done = await ended(failed.company, failed.id);
  assert.equal(done.state, 'failed');
  assert.equal(done.failure.class, 'crashed');
  assert.equal(failed.begun(), 1);
});

test('a cancelled run ends its command, and a stopped runner keeps the work', async (t) => {
  const company = await open(t, { flow: { steps: { slow: { run: 'touch begun; sleep 600' } } }, quick: { steps: { a: { run: 'echo hi' } } } });
  const id = await start(company, 'flow');
  await until('the command runs', () => existsSync(join(folder(company, id), 'begun')));
  const cancelled = await company.api('POST', `/v1/runs/${id}/cancel`, { reason: 'enough' });
  assert.equal(cancelled.status, 200, cancelled.text);
  assert.equal((await ended(company, id)).state, 'cancelled');
  await until('the command is dead', () => processesOf(company.dir).every(({ command }) => !command.includes('sleep 600')));
  assert.equal((await company.hq('stop', 'runner')).code, 0);
  const waiting = await start(company, 'quick');
  assert.match((await company.hq('status')).stdout, /runner: down, stopped by hand/);
  assert.equal((await company.hq('start', 'runner')).code, 0);
  assert.equal((await ended(company, waiting)).output, 'hi');
});

// Groups, because the supervisor holds a child after five deaths within a minute.
const points = [
  ['runner.claimed', 'runner.folder.before', 'runner.folder.after', 'runner.report.before'],
  ['runner.report.after', 'runner.command.before', 'runner.command.after'],
];
for (const group of points)
  test(`the runner may die at ${group.join(', ')}`, async (t) => {
    const crashes = mkdtempSync(join(tmpdir(), 'hq-run-crash-'));
    t.after(() => rmSync(crashes, { recursive: true, force: true }));
    const company = await open(t, { flow: { steps: {
      count: { run: 'echo x >> ran; wc -l < ran', on_unknown: 'retry' },
      after: { needs: ['count'], run: 'cat tools/note.txt; ls -A', on_unknown: 'retry' },
    } } }, { files: { 'flow/tools/note.txt': 'whole\n' }, env: { HQ_CRASH_DIR: crashes, HQ_CRASH_AT: group.map((point) => `runner/${point}#1`).join(',') } });
    const done = await run(company, 'flow');
    assert.equal(done.state, 'done', JSON.stringify(done));
    const times = readFileSync(join(folder(company, done.id), 'ran'), 'utf8').trim().split('\n').length;
    assert.equal(Number(done.steps.count.output), times, 'the output is that of the newest');
    assert.match(done.steps.after.output, /^whole\n\.tmp\nran\ntools\nworkflow\.yaml$/);
    assert.deepEqual(readdirSync(join(company.dir, 'state/runs')), [done.id]);
    assert.equal(readdirSync(crashes).filter((name) => name.startsWith('fired')).length, group.length);
    await company.check();
  });

test('the folder of a run goes when the run has left the ledger; one that nobody knows stays', async (t) => {
  const company = await open(t, { flow: { steps: { a: { run: 'echo kept > note' } } } }, { change: (config) => { config.retention = 'forever'; } });
  const done = await run(company, 'flow');
  assert.ok(existsSync(join(folder(company, done.id), 'note')));
  const strange = `r-${done.id.slice(2).replace(/./g, 'z')}`;
  mkdirSync(folder(company, strange));
  await company.keepFor('1s');
  await until('it has left', async () => (await company.api('GET', `/v1/runs/${done.id}`)).status === 410);
  assert.match((await company.hq('flow', 'show', done.id)).stderr, /has left the ledger/);
  await company.reborn('runner', company.kill('runner'));
  await until('the folder has gone', () => !existsSync(folder(company, done.id)));
  assert.deepEqual(readdirSync(join(company.dir, 'state/runs')), [strange]);
});
