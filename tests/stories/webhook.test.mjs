// Results go out to webhooks: each once at a receiver that de-duplicates, tried again where that helps,
// given up where it does not, and never twice at a receiver that cannot tell.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Company, rules, until } from './company.mjs';
import { Receiver, deliverTo, secretsOf } from './receiver.mjs';

async function effectOf(company, id, state) {
  return until(`delivery of ${id} is ${state}`, async () => {
    const effect = (await company.task(id)).effects?.[0];
    return effect?.state === state && effect;
  });
}

function noSecret(text) {
  assert.doesNotMatch(text, /s3cr3t-pa7h/, 'the URL is told to nobody');
}

test('a hook answer arrives once, in the form of CloudEvents', async (t) => {
  const receiver = await Receiver.open(t);
  const company = await Company.open(t, { change: deliverTo(receiver), env: secretsOf({ team: receiver }) });
  const { json } = await company.post('manager', { message: 'echo:out' });
  const effect = await effectOf(company, json.runId, 'confirmed');
  assert.equal(effect.destination, 'webhook:team');
  assert.equal(effect.receiver_id, 'r-1');
  assert.equal(receiver.requests.length, 1);
  const { headers, json: event } = receiver.requests[0];
  assert.match(headers['content-type'], /^application\/cloudevents\+json/);
  assert.equal(headers['idempotency-key'], event.id);
  assert.deepEqual([event.specversion, event.source, event.type, event.subject], ['1.0', '/hq/story/manager', 'hq.task.result', json.runId]);
  assert.deepEqual([event.id, event.data.text, event.data.status, event.data.agent], [effect.id, 'echo out', 'complete', 'manager']);
  assert.ok(Date.parse(event.time) > 0);

  const quiet = await company.post('manager', { message: 'echo:quiet', deliver: false });
  const asked = await company.ask('manager', 'echo:asked');
  const failed = await company.post('manager', { message: 'refuse me' });
  await effectOf(company, failed.json.runId, 'confirmed');
  const { data } = [...receiver.events.values()].at(-1);
  assert.deepEqual([data.status, data.failure.class], ['failed', 'refused'], 'a failure is told, too');
  assert.equal((await company.task(quiet.json.runId)).effects, undefined);
  assert.equal((await company.task(asked.task.id)).effects, undefined, 'nobody asked for its delivery');
  noSecret(company.logs());
  noSecret((await company.hq('status', '--json')).stdout);
  noSecret((await company.hq('config', 'explain')).stdout);
  await company.check();
});

test('what fails for a while is tried again in order; the same event every time', async (t) => {
  const receiver = await Receiver.open(t, (_, n) => [{ status: 429, headers: { 'retry-after': '1' } }, 500, 'cut'][n - 1]);
  const company = await Company.open(t, { change: deliverTo(receiver), env: secretsOf({ team: receiver }) });
  const first = await company.post('manager', { message: 'echo:first' });
  await until('the first is on its way', () => receiver.requests.length > 0);
  const second = await company.post('manager', { message: 'echo:second' });
  await effectOf(company, second.json.runId, 'confirmed');
  const effect = await effectOf(company, first.json.runId, 'confirmed');
  assert.equal(effect.attempts, 4);
  assert.deepEqual(receiver.requests.map(({ json }) => json.data.text), ['echo first', 'echo first', 'echo first', 'echo first', 'echo second']);
  assert.equal(new Set(receiver.requests.slice(0, 4).map(({ text }) => text)).size, 1, 'byte for byte');
  assert.equal(receiver.events.size, 2);
  await company.check();
});

test('what the receiver refuses is dead, and says why without the URL', async (t) => {
  const receiver = await Receiver.open(t, (request) => ({ status: 422, body: { message: `no, not at http://127.0.0.1${request.url}` } }));
  const company = await Company.open(t, { change: deliverTo(receiver), env: secretsOf({ team: receiver }) });
  const { json } = await company.post('manager', { message: 'echo:unwanted' });
  const effect = await effectOf(company, json.runId, 'dead');
  assert.match(effect.reason, /^the receiver answered 422: no, not at/);
  noSecret(effect.reason);
  assert.equal(receiver.requests.length, 1);
  const shown = (await company.hq('task', 'show', json.runId)).stdout;
  assert.match(shown, /webhook:team: dead: the receiver answered 422/);
  noSecret(shown);
  noSecret(company.logs());
  assert.match((await company.hq('status')).stdout, /dead delivery of t-\S+ to webhook:team: the receiver answered 422/);
});

test('one that hangs holds up neither the others nor the end', async (t) => {
  const slow = await Receiver.open(t, () => 'hang');
  const quick = await Receiver.open(t);
  const company = await Company.open(t, {
    agents: 2,
    env: secretsOf({ slow, quick }),
    change: (config) => {
      deliverTo(slow, { name: 'slow' })(config);
      deliverTo(quick, { name: 'quick' })(config);
      config.agents.manager.deliver = 'webhook:slow';
    },
  });
  const stuck = await company.post('manager', { message: 'echo:stuck' });
  await effectOf(company, stuck.json.runId, 'in_flight');
  const free = await company.post('tech-lead', { message: 'echo:free' });
  await effectOf(company, free.json.runId, 'confirmed');
  const began = Date.now();
  assert.equal((await company.hq('down')).code, 0);
  assert.ok(Date.now() - began < 29000, 'the half-minute of patience was cut short');
});

test('the hub is killed between sending and confirming: sent again, and once at the receiver', async (t) => {
  let company;
  const receiver = await Receiver.open(t, (_, n) => {
    if (n > 1) return 200;
    company.kill('hub');
    return 'cut';
  });
  company = await Company.open(t, { change: deliverTo(receiver), env: secretsOf({ team: receiver }) });
  const { json } = await company.post('manager', { message: 'echo:twice' });
  const effect = await effectOf(company, json.runId, 'confirmed');
  assert.deepEqual(receiver.times, { [effect.id]: 2 });
  assert.equal(receiver.events.size, 1);
  assert.equal(effect.attempts, 2);
  await company.check();
});

test('Discord is never told twice: what may have arrived becomes unknown', async (t) => {
  let company;
  const receiver = await Receiver.open(t, (_, n) => {
    if (n === 1) return { status: 429, body: { message: 'You are being rate limited.', retry_after: 0.2 } };
    if (n === 2) return 'cut';
    if (n === 3) company.kill('hub');
    return n === 3 ? 'hang' : 200;
  });
  company = await Company.open(t, { change: deliverTo(receiver, { form: 'discord' }), env: secretsOf({ team: receiver }), script: [
    { when: { user: 'at length' }, say: 'a line of many words\n'.repeat(200) }, ...rules,
  ] });
  const cut = await company.post('manager', { message: 'echo:cut' });
  const unknown = await effectOf(company, cut.json.runId, 'unknown');
  assert.match(unknown.reason, /may have arrived/);
  noSecret(unknown.reason);
  assert.equal(receiver.requests.length, 2);
  assert.match(receiver.requests[0].url, /\?wait=true$/);
  assert.deepEqual(receiver.requests[0].json, { allowed_mentions: { parse: [] }, content: 'echo cut', username: 'manager' });

  const killed = await company.post('manager', { message: 'echo:killed' });
  assert.match((await effectOf(company, killed.json.runId, 'unknown')).reason, /the hub ended/);
  const next = await company.post('manager', { message: 'at length' });
  await effectOf(company, next.json.runId, 'confirmed');
  assert.equal(receiver.requests.length, 4);
  assert.match(receiver.requests[3].headers['content-type'], /^multipart\/form-data; boundary=/);
  assert.match(receiver.requests[3].text, /filename="answer.md"/);
  assert.ok(receiver.requests[3].text.includes('a line of many words\n'.repeat(200)), 'the whole text is attached');
  await company.check();
});

test('a webhook without its URL waits and says so; then it is sent', async (t) => {
  const receiver = await Receiver.open(t);
  const company = await Company.open(t, { change: deliverTo(receiver) });
  const { json } = await company.post('manager', { message: 'echo:later' });
  const waiting = await until('it says why', async () => {
    const effect = (await company.task(json.runId)).effects?.[0];
    return effect?.reason && effect;
  });
  assert.deepEqual([waiting.state, waiting.attempts], ['intended', 0]);
  assert.match(waiting.reason, /HQ_STORY_TEAM is not set/);
  assert.equal((await company.hq('down')).code, 0);
  company.env = secretsOf({ team: receiver });
  await company.up();
  await effectOf(company, json.runId, 'confirmed');
  assert.equal(receiver.requests.length, 1);
});

test('a webhook that is added is there after a reload', async (t) => {
  const receiver = await Receiver.open(t);
  const company = await Company.open(t, { env: secretsOf({ team: receiver }) });
  const before = await company.api('POST', '/v1/tasks', { agent: 'manager', kind: 'ask', key: 'k1', instruction: 'echo:before', deliver: 'webhook:team' });
  await effectOf(company, before.json.task.id, 'held');
  deliverTo(receiver)(company.config);
  company.writeConfig(company.config);
  assert.equal((await company.hq('reload')).code, 0);
  await effectOf(company, before.json.task.id, 'confirmed');
  const after = await until('it is taken', async () => {
    const { status, json } = await company.api('POST', '/v1/tasks', { agent: 'manager', kind: 'ask', key: 'k2', instruction: 'echo:after', deliver: 'webhook:team' });
    return status === 201 && json.task.id;
  });
  await effectOf(company, after, 'confirmed');
  assert.equal(receiver.events.size, 2);
});
