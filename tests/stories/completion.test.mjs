// Tab in a shell: what is offered comes from the table, the company's file and the hub, and nothing is started by it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { Company, binary, processesOf, run, until } from './company.mjs';

const has = (command) => spawnSync(command, ['--version']).status === 0;
const offered = async (company, ...words) => {
  const { code, stdout, stderr } = await company.hq('complete', '--', ...words);
  assert.equal(code, 0);
  assert.equal(stderr, '');
  return stdout.split('\n').filter(Boolean).map((line) => line.split('\t')[0]);
};

async function furnished(t) {
  const company = await Company.open(t, { agents: ['manager', 'auditor'], up: false });
  mkdirSync(join(company.dir, 'workflows/study'), { recursive: true });
  writeFileSync(join(company.dir, 'workflows/quick.yaml'), JSON.stringify({ name: 'quick', steps: { gate: { approve: { title: 'Go \u001b[2J on?' } } } }));
  writeFileSync(join(company.dir, 'workflows/study/workflow.yaml'), JSON.stringify({ name: 'study', steps: { a: { agent: 'manager', task: 'echo:a' } } }));
  return company;
}

test('commands, families, options, values and what the file knows, without a company at work', async (t) => {
  const company = await furnished(t);
  assert.ok((await offered(company, '')).includes('task'));
  assert.ok(!(await offered(company, '')).includes('gateway'), 'plumbing is not offered');
  assert.deepEqual(await offered(company, 'task', 'tr'), ['tree']);
  assert.deepEqual(await offered(company, '-q', 'sta'), ['start', 'status']);
  assert.deepEqual(await offered(company, 'task', 'list', '--st'), ['--state']);
  assert.deepEqual(await offered(company, 'task', 'list', '--state', 'wo'), ['working']);
  assert.deepEqual(await offered(company, 'task', 'list', '--state', '=', '='), ['queued', 'working', 'waiting', 'done', 'failed', 'cancelled', 'timed_out']);
  assert.deepEqual(await offered(company, 'flow', 'graph', '--format', ''), ['text', 'dot', 'mermaid']);
  assert.deepEqual(await offered(company, 'ask', ''), ['manager', 'auditor']);
  assert.deepEqual(await offered(company, 'ask', '--', 'aud'), ['auditor']);
  assert.deepEqual(await offered(company, 'ask', 'manager', ''), []);
  assert.deepEqual(await offered(company, 'stop', 'manager', 'a'), ['auditor']);
  assert.deepEqual(await offered(company, 'flow', 'run', ''), ['quick', 'study', ':files']);
  assert.deepEqual(await offered(company, '-C', ''), [':dirs']);
  assert.deepEqual(await offered(company, 'config', 'explain', 'hub.'), ['hub.listen']);
  assert.deepEqual(await offered(company, 'completion', ''), ['bash', 'zsh', 'fish']);
  assert.ok((await offered(company, 'inbox', '--a')).includes('--all'), 'an option of what the family alone means');
  assert.deepEqual(await offered(company, 'task', 'show', ''), [], 'nothing runs: no ids, no words');
  assert.deepEqual(await offered(company, 'nonsense', 'x', ''), []);
  const elsewhere = await run(binary, ['complete', '--', '-C', company.dir, 'ask', ''], { cwd: '/' });
  assert.match(elsewhere.stdout, /^manager\t/);
  assert.deepEqual(processesOf(company.dir), []);
});

test('every word that an option lists is offered', async () => {
  const table = (await run(binary, ['help', '--json'])).json;
  for (const { name, options } of table.items) {
    for (const option of options.filter(({ value, help }) => ['STATE', 'STATUS', 'WHAT', 'FORM', 'WHEN', 'LEVEL'].includes(value) && !help.includes(';'))) {
      const { stdout } = await run(binary, ['complete', '--', ...name.split(' '), `--${option.name}`, '']);
      const words = stdout.split('\n').filter(Boolean).map((line) => line.split('\t')[0]);
      assert.ok(words.length > 1, `hq ${name} --${option.name}: ${option.help}`);
      for (const word of words) assert.match(word, /^[a-z_]+$/, `hq ${name} --${option.name}`);
    }
  }
});

test('ids of tasks, runs and items come from the hub, and what they say cannot move the cursor', async (t) => {
  const company = await furnished(t);
  await company.up();
  const { task } = await company.ask('manager', 'echo:one');
  await company.hq('flow', 'run', 'quick', '--no-wait');
  const item = await until('a gate', async () => (await company.api('GET', '/v1/inbox')).json.items[0]);
  assert.ok((await offered(company, 'task', 'show', '')).includes(task.id.slice(0, 10)));
  assert.deepEqual(await offered(company, 'task', 'show', task.id.slice(0, 12)), [task.id]);
  assert.equal((await offered(company, 'flow', 'show', 'r-')).length, 1);
  assert.deepEqual(await offered(company, 'inbox', 'approve', ''), [item.id]);
  const { stdout } = await company.hq('complete', '--', 'inbox', 'show', '');
  assert.ok(!stdout.includes('\u001b'));
  await company.cancelAll();
});

test('bash completes', { skip: !has('bash') && 'no bash here' }, async (t) => {
  const company = await furnished(t);
  writeFileSync(join(company.dir, 'two words.json'), '{}');
  const script = `PATH=${dirname(binary)}:$PATH; cd "$1"; source <(hq completion bash) || exit 9; complete -p hq
    try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hq; printf '%s|' "\${COMPREPLY[@]}"; echo; }
    try hq task tr; try hq ask au; try hq ask manager x --schema two; try hq task list --state = wo; try hq -C workf`;
  const { code, stdout, stderr } = await run('bash', ['--norc', '-c', script, 'bash', company.dir]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(stdout.split('\n').slice(0, -1), ['complete -F _hq hq', 'tree|', 'auditor|', 'two words.json|', 'working|', 'workflows|']);
});

for (const shell of ['zsh', 'fish']) {
  test(`${shell} can read its script`, { skip: !has(shell) && `no ${shell} here` }, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'hq-completion-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const script = join(dir, '_hq');
    writeFileSync(script, (await run(binary, ['completion', shell])).stdout);
    const { code, stderr } = await run(shell, ['-n', script]);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    if (shell !== 'fish') return;
    const completed = await run('fish', ['--no-config', '-c', `source ${script}; complete -C 'hq task tr'`], { env: { HOME: dir, PATH: `${dirname(binary)}:${process.env.PATH}` } });
    assert.match(completed.stdout, /^tree\t/m);
  });
}

test('a shell that is not known is exit 2', async () => {
  const { code, stderr } = await run(binary, ['completion', 'basch']);
  assert.equal(code, 2);
  assert.match(stderr, /"basch".*bash, zsh, fish\n {2}Did you mean "hq completion bash"\?/);
});
