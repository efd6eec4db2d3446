// Every command that the binary says it has keeps the same promises: help, options, counts, JSON, colours, widths.
// What is tested comes from the binary's own table (hq help --json); the exceptions stand here, with their reasons.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, binary, processesOf, rules, run, until } from './company.mjs';
import { open, start } from './folders.mjs';
import { inTerminal } from './terminal.mjs';

const table = JSON.parse(execFileSync(binary, ['help', '--json'], { encoding: 'utf8' }));
const commands = table.items;
const exitCodes = [0, 1, 2, 3, 4, 5, 6, 75, 78, 124];

// What stays running, or makes a company of its own, when it is called without one.
const startsSomething = { up: 'starts the company', demo: 'starts a company of its own', 'cluster.sh': 'its first word is start' };
// Standard output is somebody's document or bytes, in its own form.
const ownForm = {
  'task artefact': 'the bytes of a file', 'task handoff': 'the handoff as it was given', 'config schema': 'a JSON Schema',
  'flow check --schema': 'a JSON Schema', completion: 'a script for a shell', complete: 'lines for a shell', 'service print': 'files for systemd',
};
// What this company does not have, and the exit code that says so.
const notHere = { 'service status': 3 };
// One JSON document a line.
const streams = ['task watch', 'flow watch', 'logs', 'events'];
// Lines are shown whole, as somebody wrote them.
const asWritten = { 'config path': 'a path', logs: 'lines of a log', 'task watch': 'events as recorded', 'flow watch': 'likewise' };

const plain = (text) => text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '');
const hasEscapes = (text) => text.includes('\u001b');
const tooWide = (text) => plain(text).split('\n').filter((line) => [...line].length > 80);
const words = (command) => command.name.split(' ');
const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

// Runs `check` for every command and tells everything that failed at once.
async function forEach(list, check) {
  const failures = [], queue = [...list];
  await Promise.all([1, 2, 3].map(async () => {
    for (let command; (command = queue.shift());) {
      try {
        await check(command);
      } catch (error) {
        failures.push(`hq ${command.name}: ${error.message}`);
      }
    }
  }));
  assert.ok(failures.length === 0, failures.join('\n'));
}

test('the table is whole: names, groups, places for every option', () => {
  assert.equal(table.schema_version, 1);
  assert.ok(commands.length > 50);
  assert.equal(new Set(commands.map(({ name }) => name)).size, commands.length, 'a name twice');
  for (const { name, options, min_args: least, max_args: most } of commands) {
    assert.ok(least <= most, name);
    const letters = options.map(({ letter }) => letter).filter(Boolean);
    assert.equal(new Set(letters).size, letters.length, `${name}: a letter twice`);
    for (const { name: option, letter, value } of options) {
      const global = table.globals.find((one) => one.letter && one.letter === letter);
      assert.ok(!global || global.name === option, `${name}: -${letter} is --${global?.name} everywhere else`);
      assert.ok(value === undefined || value === value.toUpperCase() || /[|@=]/.test(value), `${name} --${option}: ${value}`);
    }
  }
});

test('--help and -h are the same page: usage, examples, every option, 80 columns, nothing done', async () => {
  await forEach(commands, async (command) => {
    const [long, short] = [await run(binary, [...words(command), '--help']), await run(binary, [...words(command), '-h'])];
    assert.equal(long.code, 0, long.stderr);
    assert.equal(long.stderr, '');
    assert.equal(long.stdout, short.stdout);
    const called = command.is_link ? command.name : `hq ${command.name}`;
    assert.match(long.stdout, new RegExp(`^usage: ${called}\\b`));
    const examples = long.stdout.split('\n').filter((line) => /^ {2,}/.test(line) && !/^ +-/.test(line))
      .filter((line) => line.includes(called.split(' ')[0]) && line.includes(words(command)[0]));
    assert.ok(examples.length > 0, 'no line to copy');
    for (const { name, letter } of [...command.options, ...table.globals.filter((one) => !command.options.some((own) => own.name === one.name))])
      assert.ok(long.stdout.includes(`${letter ? `-${letter}, ` : '    '}--${name}`), `--${name} is not on the page`);
    assert.deepEqual(tooWide(long.stdout), [], 'wider than 80 columns');
    assert.ok(!hasEscapes(long.stdout));
  });
});

test('the overview and the families fit, and name everything', async () => {
  const overview = await run(binary, ['help']);
  assert.deepEqual(tooWide(overview.stdout), []);
  for (const { name } of commands) assert.ok(overview.stdout.includes(`\n  ${name}`), name);
  for (const family of new Set(commands.map((command) => words(command)).filter(({ length }) => length > 1).map(([first]) => first))) {
    const [page, flag] = await Promise.all([run(binary, ['help', family]), run(binary, [family, '--help'])]);
    assert.equal(page.code, 0);
    assert.equal(page.stdout, flag.stdout);
    for (const { name } of commands.filter((command) => words(command)[0] === family)) assert.ok(page.stdout.includes(`  ${name}`), name);
  }
});

test('an option that is not there is exit 2, with the one that was meant; in JSON too', async () => {
  await forEach(commands, async (command) => {
    for (const option of ['--jsno', ...command.options.filter(({ name }) => name.length > 4).map(({ name }) => `--${name.slice(0, -2)}${name.at(-1)}x`).slice(0, 1)]) {
      const [text, json] = [await run(binary, [...words(command), option]), await run(binary, [...words(command), '--json', option])];
      assert.equal(text.code, 2, `${option}: exit ${text.code}`);
      assert.equal(text.stdout, '', option);
      assert.match(text.stderr, /unknown option "--.*\n {2}Did you mean "--/, option);
      assert.equal(json.code, 2);
      assert.equal(json.json?.ok, false);
      assert.equal(json.json.error.code, 'usage');
      assert.match(json.json.error.hint, /Did you mean/);
    }
  });
});

test('too few and too many arguments, and options without their value, are exit 2', async () => {
  await forEach(commands, async (command) => {
    const calls = [Array(command.max_args + 1).fill('x'), ...command.options.filter(({ value }) => value).slice(0, 1).map(({ name }) => [`--${name}`])];
    if (command.min_args > 0) calls.push(Array(command.min_args - 1).fill('x'));
    for (const more of calls) {
      const { code, stdout, stderr, json } = await run(binary, [...words(command), '--json', ...more]);
      assert.equal(code, 2, `${more.slice(0, 4)}: exit ${code} ${stdout}${stderr}`);
      assert.equal(json?.error?.code, 'usage', `${more.slice(0, 4)}: ${stdout}`);
      assert.equal(stderr, '');
    }
  });
});

// ---- with a company ----

// What stands for each word of a usage line: for a whole company (`at` says what is in it) or for none.
function argumentsOf(command, at) {
  const [family] = words(command);
  const meanings = {
    AGENT: at.agent, TEXT: 'echo:table', 'TEXT|-': 'echo:table', TASK: 'echo:table', 'TASK|-': 'echo:table', RUN: at.run,
    'RUN|FILE.jsonl': at.run, JOB: at.job, ID: family === 'inbox' ? at.item : at.task, 'ID…': at.task,
    NAME: family === 'task' ? at.artefact : family === 'flow' ? 'signal' : at.name, 'NAME|FILE': at.workflow, 'FILE|NAME': at.workflow,
    'FILE...': at.tests, FILE: family === 'backup' ? at.backup : at.file, DIR: at.fresh, ...at.more,
  };
  const wanted = command.usage.split(' ').filter((word) => word && !word.startsWith('['));
  return wanted.map((word) => {
    const value = word === word.toLowerCase() ? word.split('|')[0] : meanings[word];
    assert.ok(value !== undefined, `what does ${word} stand for? (argumentsOf in this file)`);
    return value;
  });
}

test('where nothing runs every command says so in one JSON document, and starts nothing', async (t) => {
  const company = await Company.open(t, { up: false });
  const home = mkdtempSync(join(tmpdir(), 'hq-table-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  mkdirSync(join(company.dir, 'workflows'));
  writeFileSync(join(company.dir, 'workflows/one.yaml'), JSON.stringify({ name: 'one', steps: { a: { agent: 'manager', task: 'echo:a' } } }));
  const at = {
    agent: 'manager', run: 'r-00000000', job: '0000', item: 'g-00000000', task: 't-00000000', artefact: 'a.txt', name: 'one', workflow: 'one',
    tests: join(company.dir, 'none.test.yaml'), file: join(company.dir, 'none'), backup: join(company.dir, 'none'), fresh: join(home, 'fresh'), more: {},
  };
  const env = { HOME: home, PATH: '/nonexistent', XDG_CONFIG_HOME: join(home, 'c'), XDG_DATA_HOME: join(home, 'd'), XDG_STATE_HOME: join(home, 's'), XDG_RUNTIME_DIR: home, DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' };
  const notRunning = [];
  await forEach(commands.filter(({ name, group }) => !startsSomething[name] && group !== 'PLUMBING'), async (command) => {
    const { code, stdout, stderr } = await company.hq(...words(command), '--json', '--no-input', ...argumentsOf(command, at), { env, cwd: home });
    assert.ok(exitCodes.includes(code), `exit ${code} ${stderr}`);
    if (code === 3) notRunning.push(command.name);
    if (code === 0 && ownForm[command.name]) return;
    const documents = parsed(stdout) ? [parsed(stdout)] : stdout.split('\n').filter(Boolean).map(parsed);
    assert.ok(documents.every(Boolean), `exit ${code}, not JSON: ${stdout.slice(0, 200)}${stderr.slice(0, 200)}`);
    if (code === 0 || documents.at(-1)?.schema_version === 1) return;
    assert.equal(documents.length, 1, `exit ${code}: ${documents.length} documents ${stdout.slice(0, 200)}${stderr}`);
    const { ok, error } = documents[0];
    assert.equal(ok, false, stdout);
    assert.match(error.code, /^[a-z][a-z0-9_]*$/);
    assert.ok(error.message.length > 10, stdout);
    assert.deepEqual(Object.keys(error).filter((key) => !['code', 'message', 'hint', 'reports', 'findings'].includes(key)), []);
    if (code === 3) assert.ok(error.hint, 'not running, and no word on what to do');
  });
  assert.deepEqual(processesOf(company.dir), []);
  for (const name of ['ask', 'task list', 'inbox list', 'flow runs', 'usage', 'restart']) assert.ok(notRunning.includes(name), `${name} is not exit 3: ${notRunning}`);
});

const handing = [
  { when: { user: 'hand over', step: 0 }, say: '', call: [{ tool: 'write', with: { path: 'a.txt', content: 'a\n' } }] },
  { when: { user: 'hand over', step: 1 }, say: '', call: [{ tool: 'report', with: { status: 'complete', result: 'x', artefacts: [{ name: 'a.txt', path: 'a.txt' }] } }] },
  { when: { user: 'hand over', step: 2 }, say: 'handed over' }, ...rules,
];

// A company in which every kind of thing is there to look at.
async function furnished(t) {
  const flow = {
    steps: {
      draft: { agent: 'manager', task: 'echo:draft' },
      gate: { needs: ['draft'], approve: { title: 'Release the study of the bracket, which has a long title?', show: '${{ steps.draft.output }}' } },
      solve: { job: { name: 'mesh', script: 'solve.py', type: 'optimization', project: 'M1' }, timeout: '10m' },
    },
  };
  const quick = { steps: { a: { agent: 'manager', task: 'echo:a' } }, output: '${{ steps.a.output }}' };
  const company = await open(t, { study: flow, quick }, {
    agents: ['manager', 'auditor'], script: handing, files: { 'study/solve.py': 'print(1)\n', 'quick.test.yaml': JSON.stringify({ workflow: 'quick/workflow.yaml', tests: [{ name: 'one', steps: { a: { output: 'x' } }, expect: { state: 'done' } }] }) },
    change: (config) => (config.jobs = 'job-queue'),
  });
  const { task } = await company.ask('manager', 'hand over');
  const ended = await company.hq('flow', 'run', 'quick', '--json');
  assert.equal(ended.code, 0, ended.stdout);
  const waiting = await start(company, 'study');
  const item = await until('a gate', async () => (await company.api('GET', '/v1/inbox')).json.items[0]);
  const job = await until('a job', async () => (await company.api('GET', '/v1/jobs')).json.items[0]);
  const backup = join(company.dir, 'one.hqb.tar');
  assert.equal((await company.hq('backup', 'create', '-o', backup)).code, 0);
  await company.hq('ask', 'auditor', 'unreachable for a while, and a text that is longer than any line', '--no-wait');
  return {
    company, waiting, agent: 'manager', run: ended.json.run.id, job: job.id, item: item.id, task: task.id, artefact: 'a.txt', name: 'quick', workflow: 'study',
    tests: join(company.dir, 'workflows/quick.test.yaml'), file: join(company.dir, 'hq.yaml'), backup, fresh: join(company.dir, 'fresh'), more: {},
  };
}

test('what a read command shows: one document, no escapes in a pipe, 80 columns, colours when asked', async (t) => {
  const at = await furnished(t);
  const { company } = at;
  const colored = [];
  const env = { LC_ALL: 'C.UTF-8' };
  const reading = commands.filter(({ reads }) => reads);
  assert.ok(reading.length > 20);
  await forEach(reading, async (command) => {
    const call = [...words(command), ...argumentsOf(command, at)];
    const [text, json, color] = [await company.hq(...call, { env }), await company.hq(...call, '--json', { env }), await company.hq(...call, '--color', 'always', { env: { ...env, NO_COLOR: '1' } })];
    assert.equal(text.code, json.code, `${json.stdout}${text.stderr}`);
    assert.ok([0, 1, 6].includes(text.code) || notHere[command.name] === text.code, `exit ${text.code} ${text.stderr}`);
    assert.ok(!hasEscapes(text.stdout + text.stderr), `escapes in a pipe: ${JSON.stringify(text.stdout.slice(0, 200))}`);
    assert.equal(color.code, text.code);
    if (hasEscapes(color.stdout)) colored.push(command.name);
    if (ownForm[command.name]) return;
    if (!asWritten[command.name]) assert.deepEqual(tooWide(text.stdout).concat(tooWide(color.stdout)).slice(0, 3), [], 'wider than 80 columns');
    assert.equal(json.stderr, '', 'with --json something is said beside it');
    if (streams.includes(command.name)) {
      for (const line of json.stdout.split('\n').filter(Boolean)) assert.ok(parsed(line), `not a JSON line: ${line.slice(0, 200)}`);
      return;
    }
    assert.equal(json.json?.schema_version, 1, `no document with schema_version: ${json.stdout.slice(0, 200)}`);
    if (/ (list|runs)$/.test(command.name)) assert.ok(Array.isArray(json.json.items), `no items: ${Object.keys(json.json)}`);
    assert.ok(!hasEscapes(json.stdout), 'escapes in JSON');
  });
  assert.ok(colored.includes('status'), `colours: ${colored}`);
  const shown = await inTerminal(`${binary} -C ${company.dir} status`, []);
  assert.ok(hasEscapes(shown.out), 'no colours in a terminal');
  const sober = await inTerminal(`${binary} -C ${company.dir} status`, [], { env: { NO_COLOR: '1' } });
  assert.equal(sober.out, plain(sober.out));
  await company.cancelAll();
});
