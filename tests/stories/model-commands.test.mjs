// hq model list|test and hq agent test against a provider that nobody here wrote (llmock) and against what goes wrong:
// each failure has its own words and its own fix.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, repository } from './company.mjs';

const require = createRequire(join(repository, 'tests/package.json'));
const { LLMock } = require('@copilotkit/aimock');
const key = 'sk-key-of-a-test-that-must-not-leak-1a2b';

const refuse = (status, message, code) => ({ error: { message, type: 'invalid_request_error', code }, status });

async function open(t, fixtures, change) {
  const mock = new LLMock({ port: 0, strict: true, logLevel: 'silent' });
  mock.addFixtures(fixtures);
  await mock.start();
  t.after(() => mock.stop());
  const company = await Company.open(t, {
    up: false,
    agents: 2,
    models: {
      mock: { api: 'openai-chat', base_url: `${mock.url}/v1`, api_key: { file: 'secrets/mock.key' }, price: { in: 3, out: 15 }, concurrent: 4, per_minute: 60 },
      closed: { api: 'openai-chat', base_url: 'http://127.0.0.1:9/v1' },
      nowhere: { api: 'openai-chat', base_url: 'http://no-such-host.invalid/v1' },
    },
    change: (config) => { config.agents.manager.model = 'mock/gpt-5'; change?.(config); },
  });
  await company.hq('secret', 'set', 'mock.key', { input: key });
  return { company, mock };
}

test('list: who uses what, with which key, price and limits', async (t) => {
  const { company } = await open(t, []);
  const list = await company.hq('model', 'list');
  assert.equal(list.code, 0, list.stderr);
  assert.match(list.stdout, /^mock +openai-chat +ok +\$3\/\$15 +4, 60\/min +manager$/m);
  assert.match(list.stdout, /^closed +openai-chat +none +unpriced +- +nobody$/m);
  assert.match(list.stdout, /^demo +script +none +unpriced +- +tech-lead$/m);
  const mock = (await company.hq('model', '--json')).json.items.find((item) => item.name === 'mock');
  assert.deepEqual({ ...mock, base_url: 0, key_file: 0 }, { name: 'mock', api: 'openai-chat', key: 'ok', price: { in: 3, out: 15, cached: 3 },
    agents: ['manager'], base_url: 0, key_file: 0, concurrent: 4, per_minute: 60, max_tokens: 4096, timeout_ms: 600000 });
  assert.ok(!list.stdout.includes(key));
});

test('test: a real completion, with tokens, cost and what it said', async (t) => {
  const { company, mock } = await open(t, [{ match: { userMessage: 'ready' }, response: { content: 'ready \u001b[31mnow\nsecond line', usage: { prompt_tokens: 40, completion_tokens: 2, total_tokens: 42 } } }]);
  const one = await company.hq('agent', 'test', 'manager');
  assert.equal(one.code, 0, one.stdout + one.stderr);
  assert.match(one.stdout, /^ok {4}mock\/gpt-5 .* 40 tokens in, 2 out {2}\$0.0001\n {6}it says: ready/);
  assert.ok(!one.stdout.includes('\u001b'), 'harmless on a terminal');
  const [request] = mock.getRequests();
  assert.equal(request.body.tools.length, 1, 'with a tool at hand, as agents ask');
  const all = await company.hq('model', 'test', '--json');
  assert.equal(all.code, 0, all.stdout);
  assert.deepEqual(all.json.items.map((item) => item.model), ['mock/gpt-5', 'demo/tech-lead']);
  assert.equal(all.json.items[0].cost_micro_usd, 40 * 3 + 2 * 15);
  assert.equal(all.json.items[0].status, 200);
  assert.equal((await company.hq('model', 'test', 'mock')).code, 0);
  assert.equal((await company.hq('model', 'test', 'mock/gpt-5')).code, 0);
  assert.equal((await company.hq('model', 'test', 'tech-lead')).code, 0);
});

test('test: each trouble with its own word, exit code and fix', async (t) => {
  const { company } = await open(t, [
    { match: { model: 'bad-key' }, response: refuse(401, `Incorrect API key provided: ${key}`, 'invalid_api_key') },
    { match: { model: 'poor' }, response: refuse(429, 'You exceeded your quota', 'insufficient_quota') },
    { match: { model: 'gpt-6' }, response: refuse(404, 'The model `gpt-6` does not exist', 'model_not_found') },
    { match: { model: 'busy' }, response: { ...refuse(429, 'slow down', 'rate_limit_exceeded'), retryAfter: 30 } },
    { match: { model: 'dumb' }, response: refuse(400, 'registry/dumb does not support tools') },
    { match: { model: 'broken' }, response: refuse(500, 'oops') },
    { match: { model: 'odd' }, response: refuse(400, 'no such parameter') },
  ], (config) => {
    config.models.keyless = { ...config.models.mock, api_key: { env: 'HQ_TEST_NO_SUCH_KEY' } };
  });
  const trouble = async (model, code, word, status, words, ...more) => {
    const result = await company.hq('model', 'test', model, ...more);
    assert.equal(result.code, code, `${model}: ${result.stdout}${result.stderr}`);
    assert.match(result.stdout, words, model);
    assert.ok(!result.stdout.includes(key), 'no key in what is printed');
    const [item] = (await company.hq('model', 'test', model, '--json', ...more)).json.items;
    assert.equal(item.class, word);
    assert.equal(item.status, status);
    assert.ok(item.fix && item.message && !JSON.stringify(item).includes(key));
  };
  await trouble('mock/bad-key', 4, 'key_refused', 401, /does not accept the key \(401\): Incorrect API key provided: \[key\]\n {6}fix: hq secret set mock.key\n/);
  await trouble('mock/poor', 4, 'no_quota', 429, /nothing left \(429\)[^]*fix: fill the account up/);
  await trouble('keyless/gpt-5', 4, 'no_key', undefined, /HQ_TEST_NO_SUCH_KEY is not set\n {6}fix: export /);
  await trouble('mock/gpt-6', 1, 'no_model', 404, /has no model "gpt-6" \(404\)/);
  await trouble('mock/busy', 1, 'busy', 429, /come back later \(429\)[^]*try again later/);
  await trouble('mock/dumb', 1, 'no_tools', 400, /does not support tools\n {6}fix: agents work by calling tools/);
  await trouble('mock/broken', 1, 'server', 500, /in trouble \(500\)/);
  await trouble('mock/odd', 1, 'refused', 400, /refused the request/);
  await trouble('closed/x', 1, 'not_there', undefined, /fix: nothing listens at http:\/\/127.0.0.1:9\/v1/);
  await trouble('nowhere/x', 1, 'no_host', undefined, /fix: is the name in http:\/\/no-such-host.invalid\/v1 right/);
});

test('test: a server that keeps silent is given up in time', async (t) => {
  const silent = createServer(() => {});
  await new Promise((done) => silent.listen(0, '127.0.0.1', done));
  t.after(() => silent.close());
  const { company } = await open(t, [], (config) => { config.models.silent = { api: 'openai-chat', base_url: `http://127.0.0.1:${silent.address().port}/v1` }; });
  const result = await company.hq('model', 'test', 'silent/x', '--timeout', '1s', '--json');
  assert.equal(result.code, 1);
  assert.equal(result.json.items[0].class, 'timeout');
  assert.match(result.json.items[0].fix, /--timeout 5m/);
});

test('test: what is not there is named, with what was meant', async (t) => {
  const { company } = await open(t, []);
  const wrong = async (words, ...args) => {
    const result = await company.hq(...args);
    assert.equal(result.code, 2, result.stdout);
    assert.match(result.stderr, words);
  };
  await wrong(/Did you mean mock\?/, 'model', 'test', 'mokc');
  await wrong(/no agent uses provider "closed"[^]*hq model test closed\/NAME/, 'model', 'test', 'closed');
  await wrong(/no provider, model or agent/, 'model', 'test', 'unheard-of/x');
  await wrong(/Did you mean manager\?/, 'agent', 'test', 'manger');
});
