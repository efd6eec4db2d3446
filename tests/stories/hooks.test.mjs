// The door for programs: checks in OpenClaw's order with its codes and bodies, and what hq adds
// (a 202 is on disk, Idempotency-Key, results by runId).
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Company, until } from './company.mjs';

test('the checks come in the order that clients know', async (t) => {
  const company = await Company.open(t);
  const hook = (path, body, options) => company.hook('manager', path, body, options);

  const query = await hook('/hooks/agent?token=x', { message: 'm' });
  assert.equal(query.status, 400, 'a token in the query is refused even beside a good one');
  assert.match(query.headers['content-type'], /^text\/plain/);
  assert.match(query.text, /Authorization: Bearer/);

  const method = await hook('/hooks/agent', undefined, { method: 'GET' });
  assert.equal(method.status, 405);
  assert.equal(method.headers.allow, 'POST');
  assert.equal(method.text, 'Method Not Allowed');

  for (const path of ['/hooks', '/hooks/', '/hooks/nothing']) {
    const answer = await hook(path, { message: 'm' });
    assert.equal(answer.status, 404, path);
    assert.equal(answer.text, 'Not Found');
  }
  const noToken = await hook('/hooks', undefined, { token: null, method: 'GET' });
  assert.equal(noToken.status, 401, 'the token comes before method and path');
  assert.equal(noToken.text, 'Unauthorized');

  const other = await hook('/hooks/agent', { message: 'm' }, { token: company.token('manager') });
  assert.equal(other.status, 401, 'the gateway token opens no hook');
  const header = await hook('/hooks/agent', { message: 'echo:h' }, { token: null, headers: { 'x-openclaw-token': company.token('manager.hooks') } });
  assert.equal(header.status, 202);
  const scheme = await hook('/hooks/agent', { message: 'echo:h' }, { token: null, headers: { authorization: `bEaReR  ${company.token('manager.hooks')} ` } });
  assert.equal(scheme.status, 202);
});

test('bodies: size, JSON, required fields and rules, each with its own answer', async (t) => {
  const company = await Company.open(t);
  const post = (body) => company.post('manager', body);

  const large = await post({ message: 'x'.repeat(300_000) });
  assert.equal(large.status, 413);
  assert.deepEqual(large.json, { ok: false, error: 'payload too large' });

  const broken = await post('{"message": ');
  assert.equal(broken.status, 400);
  assert.equal(broken.json.ok, false);
  assert.match(broken.json.error, /^SyntaxError/);

  const cases = [
    ['', 'message required'], ['[1,2]', 'message required'], ['"text"', 'message required'],
    [{ message: '   ' }, 'message required'], [{ message: 7 }, 'message required'],
    [{ message: 'm', model: '' }, 'model required'], [{ message: 'm', model: 5 }, 'model required'],
    [{ message: 'm', sessionKey: 'hook:mine' },
      'sessionKey is disabled for external /hooks/agent payloads; set hooks.allowRequestSessionKey=true to enable'],
  ];
  for (const [body, error] of cases) {
    const answer = await post(body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.equal(answer.json.error, error);
    assert.match(answer.headers['content-type'], /^application\/json; charset=utf-8/);
  }
  const channel = await post({ message: 'm', channel: 'C0123456' });
  assert.equal(channel.status, 400);
  assert.match(channel.json.error, /^channel must be last\|/);

  const odd = await post({ message: ' echo:odd ', name: 5, deliver: 'no', wakeMode: 'later', timeoutSeconds: -3, unknown: {} });
  assert.equal(odd.status, 202, 'what is not understood is ignored');
});

test('twenty wrong tokens are refused, then the address is told to wait; a good token is never throttled', async (t) => {
  const company = await Company.open(t);
  const knock = () => company.post('manager', { message: 'm' }, { token: 'wrong' });
  for (let i = 0; i < 20; i++) assert.equal((await knock()).status, 401, `try ${i + 1}`);
  const throttled = await knock();
  assert.equal(throttled.status, 429);
  assert.equal(throttled.text, 'Too Many Requests');
  const wait = Number(throttled.headers['retry-after']);
  assert.ok(wait >= 1 && wait <= 60, String(wait));
  assert.equal((await company.post('manager', { message: 'echo:ok' })).status, 202);
  assert.equal((await knock()).status, 401, 'a good token cleared the counter');
});

test('a hook runs, and its result is there for whoever asks', async (t) => {
  const company = await Company.open(t);
  const accepted = await company.post('manager', { message: 'echo:hooked', name: 'Build' });
  assert.equal(accepted.status, 202);
  assert.equal(accepted.json.ok, true);
  assert.match(accepted.json.runId, /^t-[0-9a-hjkmnp-tv-z]{26}$/);
  const { status, json } = await company.result('manager', accepted.json.runId);
  assert.equal(status, 200);
  assert.deepEqual([json.ok, json.runId, json.state], [true, accepted.json.runId, 'done']);
  assert.equal(json.result.result, 'echo hooked');
  const missing = await company.result('manager', 't-00000000000000000000000000', 0);
  assert.equal(missing.status, 404);
  const noToken = await company.hook('manager', `/hooks/runs/${accepted.json.runId}`, undefined, { method: 'GET', token: null });
  assert.equal(noToken.status, 401);
});

test('a door opens its own runs only', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  const { json } = await company.post('manager', { message: 'echo:secret' });
  assert.equal((await company.result('tech-lead', json.runId, 0)).status, 404);
  const crossed = await company.hook('tech-lead', '/hooks/agent', { message: 'm' }, { token: company.token('manager.hooks') });
  assert.equal(crossed.status, 401);
});

test("the seed's raw call is accepted; its delivery is held and says why", async (t) => {
  const company = await Company.open(t);
  const { status, json } = await company.post('manager', { message: 'echo:seed', deliver: true, channel: 'discord' });
  assert.equal(status, 202);
  await until('done', async () => (await company.result('manager', json.runId)).json.state === 'done');
  const { effects } = await company.task(json.runId);
  assert.equal(effects.length, 1);
  assert.equal(effects[0].state, 'held');
  assert.match(effects[0].reason, /no channel configured/);
  assert.match(effects[0].destination, /^discord/);
  assert.match((await company.hq('task', 'show', json.runId)).stdout, /held: no channel configured/);
});

test('fifty clients with one Idempotency-Key are one run; another body is refused', async (t) => {
  const company = await Company.open(t);
  const headers = { 'idempotency-key': 'order-66' };
  const answers = await Promise.all(Array.from({ length: 50 }, () => company.post('manager', { message: 'work:once' }, { headers })));
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [202]);
  assert.equal(new Set(answers.map((answer) => answer.json.runId)).size, 1);
  const done = await company.result('manager', answers[0].json.runId);
  assert.match(done.json.result.result, /^finished once/);
  const late = await company.post('manager', { message: 'work:once' }, { headers });
  assert.equal(late.json.runId, answers[0].json.runId);
  const other = await company.post('manager', { message: 'work:twice' }, { headers });
  assert.equal(other.status, 409);
  const { items } = (await company.api('GET', '/v1/tasks')).json;
  assert.equal(items.length, 1);
});

test('two hundred hooks at once over eight agents are all answered, each once', async (t) => {
  const company = await Company.open(t, { agents: 8 });
  const names = Object.keys(company.ports);
  const runs = await Promise.all(Array.from({ length: 200 }, async (_, i) => {
    const agent = names[i % names.length];
    const { status, json } = await company.post(agent, { message: `echo:n${i}` });
    assert.equal(status, 202);
    return { agent, i, runId: json.runId };
  }));
  assert.equal(new Set(runs.map((run) => run.runId)).size, 200);
  await Promise.all(runs.map(async ({ agent, i, runId }) => {
    const state = await until(`run ${i}`, async () => {
      const { json } = await company.result(agent, runId, 20);
      return json.state === 'done' && json;
    });
    assert.equal(state.result.result, `echo n${i}`);
  }));
  const { items } = (await company.api('GET', '/v1/tasks?limit=1000')).json;
  assert.equal(items.length, 200);
  assert.deepEqual([...new Set(items.map((item) => `${item.state} ${item.tries}`))].length, 1);
  await company.check();
});

test('a wake is a durable task and its text reaches the main session', async (t) => {
  const company = await Company.open(t);
  const empty = await company.hook('manager', '/hooks/wake', { text: ' ' });
  assert.equal(empty.status, 400);
  assert.deepEqual(empty.json, { ok: false, error: 'text required' });
  const woken = await company.hook('manager', '/hooks/wake', { text: 'echo:awake', mode: 'whenever' });
  assert.equal(woken.status, 200);
  assert.deepEqual(woken.json, { ok: true, mode: 'now' });
  const task = await until('the wake ran', async () => {
    const { items } = (await company.api('GET', '/v1/tasks?agent=manager')).json;
    return items.find((item) => item.kind === 'wake' && item.state === 'done');
  });
  assert.equal(task.session, 'main');
  const later = await company.hook('manager', '/hooks/wake', { text: 'later', mode: 'next-heartbeat' });
  assert.deepEqual(later.json, { ok: true, mode: 'next-heartbeat' });
});

test('hub down: 503 with Retry-After and the runId, and the same key later is that run', async (t) => {
  const company = await Company.open(t);
  const pid = company.kill('hub', 'SIGSTOP');
  try {
    const headers = { 'idempotency-key': 'k1' };
    const refused = await company.post('manager', { message: 'echo:patient' }, { headers });
    assert.equal(refused.status, 503);
    assert.ok(Number(refused.headers['retry-after']) >= 1);
    assert.match(refused.json.runId, /^t-/);
    process.kill(pid, 'SIGCONT');
    const accepted = await until('accepted', async () => {
      const answer = await company.post('manager', { message: 'echo:patient' }, { headers });
      return answer.status === 202 && answer;
    });
    assert.equal(accepted.json.runId, refused.json.runId);
    assert.equal((await company.result('manager', accepted.json.runId)).json.result.result, 'echo patient');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
});
