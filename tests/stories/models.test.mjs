// A provider that nobody here wrote stands for the model (llmock, from npm): streamed text, tool
// calls, 429, 529 and cut streams. The vendor's own client judges the stand-in first.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, repository } from './company.mjs';

const require = createRequire(join(repository, 'tests/package.json'));
const { LLMock } = require('@copilotkit/aimock');
const OpenAI = require('openai');
const key = 'sk-test-key-that-must-not-leak';

async function withMock(t, fixtures) {
  const mock = new LLMock({ port: 0, strict: true, logLevel: 'silent' });
  mock.addFixtures(fixtures);
  await mock.start();
  t.after(() => mock.stop());
  const company = await Company.open(t, {
    up: false,
    models: { mock: { api: 'openai-chat', base_url: `${mock.url}/v1`, api_key: { file: 'secrets/mock.key' }, price: { in: 3, out: 15 } } },
    agent: { model: 'mock/gpt-5' },
  });
  mkdirSync(join(company.dir, 'secrets'), { mode: 0o700 });
  writeFileSync(join(company.dir, 'secrets/mock.key'), `${key}\n`, { mode: 0o600 });
  writeFileSync(join(company.workspace('manager'), 'fact.md'), 'the bracket weighs 1.84 kg\n');
  await company.up();
  return { mock, company };
}

test('the stand-in passes the vendor\'s own client', async (t) => {
  const mock = new LLMock({ port: 0, strict: true, logLevel: 'silent' });
  mock.addFixtures([
    { match: { userMessage: 'stream' }, response: { content: 'a text that comes in pieces' }, chunkSize: 3 },
    { match: { userMessage: 'tool' }, response: { toolCalls: [{ name: 'read', arguments: '{"path":"fact.md"}' }] }, chunkSize: 3 },
  ]);
  await mock.start();
  t.after(() => mock.stop());
  const client = new OpenAI({ baseURL: `${mock.url}/v1`, apiKey: 'x' });
  const ask = (content) => client.chat.completions.stream({ model: 'gpt-5', messages: [{ role: 'user', content }], tools: [
    { type: 'function', function: { name: 'read', parameters: { type: 'object', properties: { path: { type: 'string' } } } } }] }).finalMessage();
  assert.equal((await ask('stream')).content, 'a text that comes in pieces');
  assert.deepEqual(JSON.parse((await ask('tool')).tool_calls[0].function.arguments), { path: 'fact.md' });
});

test('streamed text and tool calls, with tokens and cost counted', async (t) => {
  const { mock, company } = await withMock(t, [
    { match: { toolResultContains: '1.84 kg' }, response: { content: 'It weighs 1.84 kg, ünïcödé included.', usage: { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 } }, chunkSize: 2, latency: 2 },
    { match: { userMessage: 'weigh' }, response: { content: 'I look.', toolCalls: [{ id: 'call_abc', name: 'read', arguments: '{"path":"fact.md"}' }], usage: { prompt_tokens: 500, completion_tokens: 20, total_tokens: 520 } }, chunkSize: 2 },
  ]);
  const { task } = await company.ask('manager', 'What does it weigh?');
  assert.equal(task.state, 'done', JSON.stringify(task.failure));
  assert.equal(task.result.result, 'It weighs 1.84 kg, ünïcödé included.');
  assert.equal(task.usage.tokens_in, 1500);
  assert.equal(task.usage.tokens_out, 120);
  assert.equal(task.usage.cost_micro_usd, 1500 * 3 + 120 * 15);
  const [first, second] = mock.getRequests();
  assert.equal(first.body.model, 'gpt-5');
  assert.equal(first.body.stream, true);
  assert.ok(first.body.messages[0].role === 'system' && first.body.messages[0].content.includes('You are manager.'));
  assert.ok(first.body.tools.some((tool) => tool.function.name === 'exec'));
  assert.match(first.body.messages.at(-1).content, /^What does it weigh\?\n\n\[runtime\] .*Delegation depth: 0 of \d+\.$/);
  assert.equal(second.body.messages.at(-1).tool_call_id, 'call_abc');
  assert.ok(!company.logs().includes(key), 'no key in the logs');
});

test('429 with Retry-After and 529 are waited out', async (t) => {
  const { company } = await withMock(t, [
    { match: { userMessage: 'busy', sequenceIndex: 0 }, response: { error: { message: 'slow down', type: 'rate_limit_error' }, status: 429, retryAfter: 3 } },
    { match: { userMessage: 'busy' }, response: { content: 'not busy any more' } },
    { match: { userMessage: 'overloaded', sequenceIndex: 0 }, response: { error: { message: 'overloaded', type: 'overloaded_error' }, status: 529 } },
    { match: { userMessage: 'overloaded' }, response: { content: 'there is room' } },
  ]);
  const limited = (await company.ask('manager', 'busy')).task;
  assert.equal(limited.result?.result, 'not busy any more', JSON.stringify(limited));
  assert.ok(limited.tries <= 1, 'a Retry-After is no failed try');
  assert.equal((await company.ask('manager', 'overloaded')).task.result?.result, 'there is room');
});

test('a stream that is cut is asked again; what was cut is not an answer', async (t) => {
  const { company, mock } = await withMock(t, [
    { match: { userMessage: 'cut', sequenceIndex: 0 }, response: { content: 'this answer never comes to its end, it is cut' }, chunkSize: 4, truncateAfterChunks: 4 },
    { match: { userMessage: 'cut' }, response: { content: 'whole' } },
    { match: { userMessage: 'torn', sequenceIndex: 0 }, response: { toolCalls: [{ name: 'exec', arguments: '{"command":"echo torn >> torn.txt"}' }] }, chunkSize: 4, truncateAfterChunks: 4 },
    { match: { userMessage: 'torn' }, response: { content: 'no half a call was made' } },
  ]);
  assert.equal((await company.ask('manager', 'cut')).task.result?.result, 'whole');
  const torn = (await company.ask('manager', 'torn')).task;
  assert.equal(torn.result?.result, 'no half a call was made');
  assert.equal(torn.usage.tool_calls, 0);
  assert.ok(mock.getRequests().length >= 4);
});

test('a key that is refused and a request that is refused fail at once and say why', async (t) => {
  const { company } = await withMock(t, [
    { match: { userMessage: 'no key' }, response: { error: { message: 'Incorrect API key provided', type: 'invalid_request_error', code: 'invalid_api_key' }, status: 401 } },
    { match: { userMessage: 'no model' }, response: { error: { message: 'The model does not exist', type: 'invalid_request_error' }, status: 404 } },
  ]);
  for (const [text, reason] of [['no key', /key|401/i], ['no model', /model|404/i]]) {
    const { task, code } = await company.ask('manager', text);
    assert.equal(code, 1);
    assert.equal(task.state, 'failed');
    assert.match(task.failure.message, reason);
    assert.ok(!task.failure.message.includes(key));
  }
});
