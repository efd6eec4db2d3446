// Asking an agent from the command line: answers, shapes of --json, exit codes.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, until } from './company.mjs';

test('an ask is answered, its answer depends on a tool that read a file', async (t) => {
  const company = await Company.open(t);
  writeFileSync(join(company.workspace('manager'), 'fact.md'), '# Facts\n\nthe wall is 2.4 mm\n');
  const { code, task } = await company.ask('manager', 'cat:fact.md');
  assert.equal(code, 0);
  assert.equal(task.state, 'done');
  assert.equal(task.agent, 'manager');
  assert.ok(task.tries <= 1);
  assert.equal(task.failure, null);
  assert.equal(task.result.status, 'complete');
  assert.match(task.result.result, /the wall is 2\.4 mm/);
  assert.equal(task.result.confidence, null);
  assert.deepEqual(task.result.artefacts, []);
  assert.ok(task.usage.model_calls >= 2 && task.usage.tool_calls === 1, JSON.stringify(task.usage));

  const shown = await company.hq('task', 'show', task.id, '--json');
  assert.deepEqual(shown.json.task, task);
  const byPrefix = await company.hq('task', 'show', task.id.slice(0, 12), '--json');
  assert.equal(byPrefix.json.task.id, task.id);
  await company.check();
});

test('the answer alone is on standard output; text may come from standard input', async (t) => {
  const company = await Company.open(t);
  const plain = await company.hq('ask', 'manager', 'echo:hello');
  assert.equal(plain.stdout.trim(), 'echo hello');
  const piped = await company.hq('ask', 'manager', '-', { input: 'echo:piped\n' });
  assert.equal(piped.stdout.trim(), 'echo piped');
});

test('--no-wait gives the queued task, watch and show find its end', async (t) => {
  const company = await Company.open(t);
  const asked = await company.hq('ask', 'manager', 'echo:later', '--no-wait', '--json');
  assert.equal(asked.code, 0);
  assert.equal(asked.json.schema_version, 1);
  assert.match(asked.json.task.id, /^t-[0-9a-hjkmnp-tv-z]{26}$/);
  assert.equal(asked.json.task.agent, 'manager');
  await until('done', async () => (await company.task(asked.json.task.id)).task.state === 'done');
  const list = await company.hq('task', 'list', '--json');
  assert.deepEqual(list.json.items.map((item) => item.id), [asked.json.task.id]);
  assert.equal(list.json.items[0].result.result, 'echo later');
  assert.equal(list.json.items[0].usage.model_calls, 1);
});

test('work that fails exits 1, waiting that times out exits 124 and the work goes on', async (t) => {
  const company = await Company.open(t);
  const refused = await company.ask('manager', 'refuse me');
  assert.equal(refused.code, 1);
  assert.equal(refused.task.state, 'failed');
  assert.ok(refused.task.failure.class && refused.task.failure.message, JSON.stringify(refused.task));
  const slow = await company.hq('ask', 'manager', 'sh:`until [ -e go ]; do sleep 0.05; done`', '--timeout', '100ms');
  assert.equal(slow.code, 124);
  writeFileSync(join(company.workspace('manager'), 'go'), '');
  const { items } = (await company.hq('task', 'list', '--json')).json;
  await until('it went on', async () => (await company.task(items[0].id)).task.state === 'done');
});

test('mistakes exit 2 and suggest the word that was meant', async (t) => {
  const company = await Company.open(t, { agents: 8 });
  const agent = await company.hq('ask', 'managr', 'hi');
  assert.equal(agent.code, 2);
  assert.match(agent.stderr, /managr/);
  assert.match(agent.stderr, /manager/);
  const command = await company.hq('statsu');
  assert.equal(command.code, 2);
  assert.match(command.stderr, /status/);
  const option = await company.hq('status', '--jsn');
  assert.equal(option.code, 2);
  assert.match(option.stderr, /--json/);
  const asJson = await company.hq('ask', 'managr', 'hi', '--json');
  assert.equal(asJson.json.ok, false);
  assert.ok(asJson.json.error.code && asJson.json.error.message);
});

test('nothing running: status and ask exit 3 and start nothing', async (t) => {
  const company = await Company.open(t, { up: false });
  assert.equal((await company.hq('status')).code, 3);
  assert.equal((await company.hq('ask', 'manager', 'hi', '--no-wait')).code, 3);
});

test('a running task is cancelled, an ended one says so, a failed one is retried as a new task', async (t) => {
  const company = await Company.open(t);
  const asked = (await company.hq('ask', 'manager', 'forever', '--no-wait', '--json')).json.task;
  await until('it works', async () => (await company.task(asked.id)).task.state === 'working');
  assert.equal((await company.hq('task', 'cancel', asked.id)).code, 0);
  await until('cancelled', async () => (await company.task(asked.id)).task.state === 'cancelled');
  const again = await company.api('POST', `/v1/tasks/${asked.id}/cancel`, {});
  assert.equal(again.status, 409);
  assert.equal(again.json.error.code, 'already_ended');

  const failed = (await company.ask('manager', 'refuse me')).task;
  const retried = await company.hq('task', 'retry', failed.id, '--json');
  assert.equal(retried.json.task.retry_of ?? (await company.task(retried.json.task.id)).task.retry_of, failed.id);
  assert.notEqual(retried.json.task.id, failed.id);
});

test('chat keeps one session, its transcript is in the form that OpenClaw reads', async (t) => {
  const company = await Company.open(t);
  for (const word of ['one', 'two']) {
    const { code } = await company.ask('manager', `echo:${word}`, '--session', 'main');
    assert.equal(code, 0);
  }
  const sessions = join(company.dir, 'instances/manager/agents/main/sessions');
  const entry = await until('sessions.json', () => {
    const all = JSON.parse(readFileSync(join(sessions, 'sessions.json'), 'utf8'));
    return Object.entries(all).find(([key]) => key.endsWith(':main'))?.[1];
  });
  const lines = await until('both turns in the transcript', () => {
    const text = readFileSync(join(sessions, `${entry.sessionId}.jsonl`), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    return text.filter((line) => line.message?.role === 'assistant').length === 2 && text;
  });
  assert.equal(lines[0].type, 'session');
  assert.equal(lines[0].version, 3);
  const messages = lines.filter((line) => line.type === 'message');
  assert.deepEqual(messages.map((line) => line.message.role), ['user', 'assistant', 'user', 'assistant']);
  const ids = lines.slice(1).map((line) => line.id);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(lines.slice(2).map((line) => line.parentId), ids.slice(0, -1));
});

test('a rate limit and an unreachable model are waited out, not failed', async (t) => {
  const company = await Company.open(t);
  const limited = await company.ask('manager', 'rate limited');
  assert.equal(limited.task.state, 'done');
  assert.equal(limited.task.result.result, 'after the limit');
  assert.ok(limited.task.tries <= 1, 'a Retry-After is no failed try');
  const reached = await company.ask('manager', 'unreachable for a while');
  assert.equal(reached.task.result.result, 'reached');
});
