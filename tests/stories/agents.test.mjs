// hq agent add|rm: an agent joins and leaves a company at work, by its own hq.yaml with every comment kept.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, Company, until } from './company.mjs';
import { inTerminal } from './terminal.mjs';

// hq.yaml as a person writes it.
async function open(t, { up = false, more = '' } = {}) {
  const company = await Company.open(t, { up: false, agents: 2 });
  company.text = `# Ours.
company: story # the name
hub: { listen: "127.0.0.1:${company.hubPort}" }
models:
  demo: { api: script, file: script.yaml }

agents:
  # who leads
  manager:
    port: ${company.base}
    model: demo/manager
    delegates: [tech-lead] # and nobody else
  tech-lead: { port: ${company.base + 4}, model: demo/tech-lead, aliases: [technical] }

# how much
limits: { depth: 3 }
${more}`;
  company.writeConfig(company.text);
  if (up) await company.up();
  return company;
}

const text = (company) => readFileSync(join(company.dir, 'hq.yaml'), 'utf8');

test('add, reload, ask; rm, reload, gone: in a company at work', async (t) => {
  const company = await open(t, { up: true });
  const port = company.base + 8;
  const added = await company.hq('agent', 'add', 'webster', '--name', 'Webster: the 1st', '--capability', 'research', '--capability', 'yes', '--delegates', '*,!manager');
  assert.equal(added.code, 0, added.stderr);
  assert.match(added.stdout, new RegExp(`added webster: port ${port}, model demo/manager[^]*6 files written[^]*next: hq reload`));
  const entry = `  webster:
    name: "Webster: the 1st"
    port: ${port}
    model: demo/manager
    capabilities: [research, "yes"]
    delegates: ["*", "!manager"]
`;
  assert.equal(text(company), company.text.replace('\n# how much', `${entry}\n# how much`));
  assert.match(readFileSync(join(company.workspace('webster'), 'SOUL.md'), 'utf8'), /^# SOUL.md - Webster: the 1st\n/);
  assert.equal(readFileSync(join(company.dir, 'hq.yaml.bak'), 'utf8'), company.text);
  assert.equal((await company.hq('reload')).code, 0);
  assert.equal((await company.ask('webster', 'echo:hello')).task.result.result, 'echo hello');

  const busy = await company.hq('ask', 'webster', 'forever', '--no-wait');
  assert.equal(busy.code, 0, busy.stderr);
  const refused = await company.hq('agent', 'rm', 'webster', '--yes');
  assert.equal(refused.code, 2, refused.stdout);
  assert.match(refused.stderr, /webster has 1 open task, like t-[^]*hq task list --agent webster/);
  await company.cancelAll();
  await until('no open task', async () => (await company.api('GET', '/v1/tasks?agent=webster&state=working')).json.items.length === 0);
  const running = await company.hq('agent', 'rm', 'webster', '--yes', '--delete-files');
  assert.equal(running.code, 2);
  assert.match(running.stderr, /webster runs in its folder; first: hq stop webster/);
  const removed = await company.hq('agent', 'rm', 'webster', '--yes');
  assert.equal(removed.code, 0, removed.stderr);
  assert.match(removed.stdout, /its folder stays[^]*next: hq reload/);
  assert.equal(text(company), company.text);
  assert.equal((await company.hq('reload')).code, 0);
  await until('its process ends', () => !company.lock('gateway-webster'));
  assert.ok(existsSync(join(company.workspace('webster'), 'SOUL.md')));
  assert.equal((await company.hq('ask', 'webster', 'x')).code, 1 + 1);
});

test('rm takes it out of the others\' delegates, and deletes files only when told', async (t) => {
  const company = await open(t);
  await company.hq('agent', 'add', 'auditor', '--delegates', 'technical');
  assert.match(text(company), /delegates: \[technical\]/);
  const nobody = await company.hq('agent', 'rm', 'technical', '--no-input');
  assert.equal(nobody.code, 2);
  assert.match(nobody.stderr, /Remove tech-lead from story\?[^]*--yes/);
  const asked = await inTerminal(`${binary} -C ${company.dir} agent rm tech-lead`, [['[y/N]: ', 'n\r']]);
  assert.equal(asked.code, 1, asked.out);
  assert.match(asked.out, /nothing was changed/);
  const dry = await company.hq('agent', 'rm', 'tech-lead', '--dry-run');
  assert.match(dry.stdout, /delegates: \[\] # and nobody else/);
  assert.match(text(company), /tech-lead/);
  const gone = await company.hq('agent', 'rm', 'tech-lead', '--yes', '--delete-files', '--json');
  assert.equal(gone.code, 0, gone.stdout);
  assert.deepEqual({ ...gone.json, workspace: 0 }, { schema_version: 1, ok: true, agent: 'tech-lead', files_deleted: true, workspace: 0, next: null });
  assert.ok(!existsSync(company.workspace('tech-lead')));
  assert.doesNotMatch(text(company), /tech/);
  assert.match(text(company), /# who leads\n {2}manager:/);
  assert.match(text(company), /delegates: \[\] # and nobody else/);
  await company.hq('agent', 'rm', 'auditor', '--yes');
  const last = await company.hq('agent', 'rm', 'manager', '--yes');
  assert.equal(last.code, 2);
  assert.match(last.stderr, /the only agent/);
});

test('what would make a bad company is refused, and nothing is changed', async (t) => {
  const company = await open(t, { more: 'shared: { dir: shared, gatekeeper: technical }\n' });
  const refused = async (words, ...args) => {
    const result = await company.hq('agent', ...args, '--yes');
    assert.equal(result.code, 2, `${args}: ${result.stdout}`);
    assert.match(result.stderr, words);
    assert.equal(text(company), company.text);
    assert.deepEqual(readdirSync(company.dir).sort(), ['hq.yaml', 'script.yaml', 'workspaces']);
    assert.deepEqual(readdirSync(join(company.dir, 'workspaces')).sort(), ['manager', 'tech-lead']);
  };
  await refused(/already/, 'add', 'manager');
  await refused(/an alias of tech-lead/, 'add', 'technical');
  for (const id of ['../x', 'A', 'a b', 'a:', '-', 'ü', 'x'.repeat(41), 'a"b', 'a\nb', '']) await refused(/is not an id|unknown option/, 'add', '--', id).catch(async () => refused(/is not an id/, 'add', id));
  await refused(/reserved name/, 'add', 'hub');
  await refused(/names no provider/, 'add', 'x', '--model', 'nowhere/x');
  await refused(/is not a model/, 'add', 'x', '--model', 'nonsense');
  await refused(/there is no agent "ghost"/, 'add', 'x', '--delegates', 'ghost');
  await refused(/is not a line of text/, 'add', 'x', '--name', 'two\nlines');
  await refused(/is not a line of text/, 'add', 'x', '--capability', 'two\nlines');
  await refused(/is not a port/, 'add', 'x', '--port', '70000');
  await refused(new RegExp(`${company.base}`), 'add', 'x', '--port', String(company.base));
  await refused(/has no agent "ghost"/, 'rm', 'ghost');
  await refused(/gatekeeper of the shared folder/, 'rm', 'tech-lead');
  for (const name of ['it\'s "x": #1', 'Grüße 🙂', 'true', '}{', '- a', 'a'.repeat(80)]) {
    const added = await company.hq('agent', 'add', 'odd', '--name', name, '--capability', name);
    assert.equal(added.code, 0, `${name}: ${added.stderr}`);
    const shown = (await company.hq('agent', 'show', 'odd', '--json')).json.agent;
    assert.equal(shown.name, name);
    assert.deepEqual(shown.capabilities, [name]);
    assert.equal((await company.hq('agent', 'rm', 'odd', '--yes', '--delete-files')).code, 0);
    assert.equal(text(company), company.text);
  }
});

test('a workspace that is there is kept; ports that nobody wrote down are told when they move', async (t) => {
  const company = await open(t);
  mkdirSync(company.workspace('old'), { recursive: true });
  writeFileSync(join(company.workspace('old'), 'SOUL.md'), '# I was here\n');
  assert.match((await company.hq('agent', 'add', 'old')).stdout, /5 files written/);
  assert.equal(readFileSync(join(company.workspace('old'), 'SOUL.md'), 'utf8'), '# I was here\n');
  company.writeConfig('models: { demo: { api: script, file: script.yaml } }\ndefaults: { model: demo/x }\nagents:\n  a: {}\n  b: {}\n');
  const moved = await company.hq('agent', 'rm', 'a', '--yes');
  assert.equal(moved.code, 0, moved.stderr);
  assert.match(moved.stderr, /b moves from port 18804 to 18800/);
  const added = await company.hq('agent', 'add', 'c');
  assert.match(added.stdout, /model demo\/x/);
  assert.doesNotMatch(text(company), / {4}model:/, 'the default is enough');
});

test('killed on the way: the old file or the new one, and the next call works', async (t) => {
  const company = await open(t);
  for (const point of ['before', 'kept', 'after']) {
    const crash = join(company.dir, `crash-${point}`);
    mkdirSync(crash);
    const before = text(company);
    const killed = await company.hq('agent', 'add', `a-${point}`, { env: { HQ_CRASH_DIR: crash, HQ_CRASH_AT: `agent add/setup.config.${point}#1` } });
    assert.equal(killed.signal, 'SIGKILL');
    assert.equal((await company.hq('config', 'validate')).code, 0);
    assert.equal(text(company) === before, point !== 'after');
    assert.equal((await company.hq('agent', 'add', `b-${point}`)).code, 0);
    assert.ok(!existsSync(join(company.dir, '.hq.yaml.new')));
  }
  assert.equal(statSync(join(company.dir, 'hq.yaml')).mode & 0o777, 0o644);
});
