// Logs look after themselves: begun anew while everybody writes and somebody follows, nothing lost, nothing
// twice; found again by task, level, time and pattern in both forms; private; and no secret is in any of them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, Company, until } from './company.mjs';

const logsOf = (company) => readdirSync(join(company.dir, 'state/logs'));
const jsonLines = (text) => text.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));

// Everything that the agent's files hold, oldest first.
function written(company, name) {
  const files = logsOf(company).filter((file) => file === `${name}.log` || file.startsWith(`${name}.log.`))
    .toSorted((a, b) => Number(b.split('.')[2] ?? 0) - Number(a.split('.')[2] ?? 0));
  return files.flatMap((file) => readFileSync(join(company.dir, 'state/logs', file), 'utf8').trim().split('\n').filter(Boolean));
}

function follower(t, company, ...args) {
  const child = spawn(binary, ['-C', company.dir, 'logs', '-f', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const seen = { text: '', end: () => child.kill('SIGKILL') };
  child.stdout.setEncoding('utf8').on('data', (text) => (seen.text += text));
  t.after(() => seen.end());
  return seen;
}

test('files are begun anew under load, and a follower sees every line once', async (t) => {
  const company = await Company.open(t, { change: (config) => { config.logs = { format: 'json', size: '10kB', keep: 50 }; } });
  const seen = follower(t, company, 'manager', '--json', '-n', '0');
  const ids = [];
  await until('two rotations', async () => {
    const tasks = await Promise.all(Array.from({ length: 8 }, (_, i) => company.ask('manager', `refuse me ${ids.length + i}`)));
    ids.push(...tasks.map(({ task }) => task.id));
    return logsOf(company).includes('manager.log.2');
  });
  const logged = (lines, id) => lines.filter((line) => JSON.parse(line).task === id).length;
  const lines = await until('all is logged', () => {
    const now = written(company, 'manager');
    return ids.every((id) => logged(now, id)) && now;
  });
  for (const id of ids) assert.equal(logged(lines, id), 1, `${id} is logged once`);
  await until('the follower has heard all', () => jsonLines(seen.text).length >= lines.length);
  const heard = jsonLines(seen.text);
  seen.end();
  assert.equal(heard.length, lines.length);
  assert.deepEqual(heard.map(({ message }) => message).toSorted(), lines.map((line) => JSON.parse(line).msg).toSorted());
  for (const name of logsOf(company)) assert.equal(statSync(join(company.dir, 'state/logs', name)).mode & 0o777, 0o600, name);
  const all = await company.hq('logs', 'manager', '--json', '--since', '1h');
  assert.deepEqual(jsonLines(all.stdout).map(({ message }) => message).toSorted(), heard.map(({ message }) => message).toSorted());
  const one = await company.hq('logs', '--task', ids[0], '--json');
  assert.ok(jsonLines(one.stdout).some(({ process, task, level, line }) => process === 'manager' && task === ids[0] && level === 'warn' && line.includes(` warn  manager ${ids[0]}: ends, refused: `)), one.stdout);
});

test('what is asked for is found in text and JSON alike, after a reload, too', async (t) => {
  const company = await Company.open(t);
  const { task } = await company.ask('manager', 'refuse me');
  company.config.logs = { format: 'json' };
  company.writeConfig(company.config);
  const pid = company.pid('gateway-manager');
  const reload = await company.hq('reload');
  assert.equal(reload.code, 0, reload.stderr);
  await company.reborn('gateway-manager', pid);
  const second = (await company.ask('manager', 'refuse me, too')).task;
  const lines = written(company, 'manager');
  assert.match(lines[0], /^\d{4}-\S+Z info  manager: ready/);
  assert.ok(lines.at(-1).startsWith('{"time":"'), lines.at(-1));
  for (const { id } of [task, second]) {
    const { stdout, code } = await company.hq('logs', '--task', id);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^\\d{4}-\\S+Z warn  manager ${id}: ends, refused: `, 'm'));
    assert.equal((await company.hq('logs', '--task', id.slice(0, 10), '--level', 'error')).stdout, '');
  }
  const ready = await company.hq('logs', 'manager', '--grep', '^ready, pid [0-9]+,');
  assert.equal(ready.stdout.trim().split('\n').length, 2, ready.stdout);
  assert.equal((await company.hq('logs', '--since', '1971-01-01T00:00:00Z', '-n', '1')).stdout.trim().split('\n').length, 1);
  for (const [args, words] of [[['--level', 'loud'], /debug, info, warn or error/], [['--since', 'noon'], /neither a time nor a duration/], [['--grep', '('], /--grep/]]) {
    const bad = await company.hq('logs', ...args);
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, words);
  }
});

test('killed in the middle of a rotation: whole files, and the next process goes on', async (t) => {
  const company = await Company.open(t, { up: false, change: (config) => { config.logs = { format: 'json', size: '10kB', keep: 9 }; } });
  const crashes = join(company.dir, 'crashes');
  mkdirSync(crashes);
  company.env = { HQ_CRASH_DIR: crashes, HQ_CRASH_AT: ['log.renamed', 'log.opened'].map((site) => `gateway-manager/${site}#1`).join(',') };
  await company.up();
  const ids = [];
  await until('both points have killed, and there was a rotation after', async () => {
    const tasks = await Promise.all(Array.from({ length: 8 }, (_, i) => company.ask('manager', `refuse me ${ids.length + i}`)));
    ids.push(...tasks.map(({ task }) => task.id));
    return readdirSync(crashes).filter((name) => name.startsWith('fired.')).length === 2 && logsOf(company).includes('manager.log.3') && logsOf(company).includes('manager.log');
  });
  const lines = written(company, 'manager').map((line) => JSON.parse(line));
  for (const id of ids) assert.ok(lines.some(({ task }) => task === id), `${id} is logged`);
  assert.equal(lines.filter(({ msg }) => msg.startsWith('ready')).length, 3);
  await company.check();
});

test('no secret is in any log, whoever says it', async (t) => {
  const key = 'sk-planted-key-that-must-not-be-logged', hook = 'planted-path-of-a-webhook';
  // Says back all that it was shown, as bad servers do.
  const echo = http.createServer((request, response) => {
    request.resume().on('end', () => {
      response.statusCode = 401;
      response.end(JSON.stringify({ error: { message: `refused: ${JSON.stringify(request.headers)} at http://127.0.0.1:${echo.address().port}${request.url}` } }));
    });
  });
  await new Promise((done) => echo.listen(0, '127.0.0.1', done));
  t.after(() => echo.close());
  const url = `http://127.0.0.1:${echo.address().port}`;
  const company = await Company.open(t, {
    up: false,
    models: { bad: { api: 'openai-chat', base_url: `${url}/v1`, api_key: { file: 'secrets/bad.key' } } },
    change: (config) => {
      config.agents.manager.model = 'bad/m';
      config.agents.manager.deliver = 'webhook:team';
      config.webhooks = { team: { url: { file: 'secrets/team.url' } } };
    },
  });
  mkdirSync(join(company.dir, 'secrets'), { mode: 0o700, recursive: true });
  writeFileSync(join(company.dir, 'secrets/bad.key'), `${key}\n`, { mode: 0o600 });
  writeFileSync(join(company.dir, 'secrets/team.url'), `${url}/api/${hook}\n`, { mode: 0o600 });
  await company.up();
  const { task } = await company.ask('manager', 'anything');
  assert.equal(task.state, 'failed');
  await company.post('manager', { message: 'and this is delivered' });
  assert.equal((await company.post('manager', { message: 'x' }, { token: `${company.token('operator')}x` })).status, 401);
  assert.equal((await company.api('GET', '/v1/status', undefined, key)).status, 401);
  await until('the delivery was tried', async () => (await company.api('GET', '/v1/tasks?limit=10&handoffs=1')).json.items.every(({ state }) => state === 'failed'));
  const pid = company.kill('gateway-manager');
  await company.reborn('gateway-manager', pid);
  await company.hq('down');
  const secrets = readdirSync(join(company.dir, 'secrets')).map((name) => readFileSync(join(company.dir, 'secrets', name), 'utf8').trim()).concat(hook);
  assert.ok(secrets.length >= 5);
  for (const name of logsOf(company)) {
    const text = readFileSync(join(company.dir, 'state/logs', name), 'utf8');
    for (const secret of secrets) assert.ok(!text.includes(secret), `${name} holds a secret`);
  }
});
