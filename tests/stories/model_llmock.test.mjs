// The openai-chat provider alone (build/model_probe) against llmock, the stand-in from npm, run as the
// program that it is: streamed text, tool calls, 429, 529, cut streams, cancelling, and chaos.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { binary, repository, run } from './company.mjs';

const probe = join(dirname(binary), 'model_probe');
const llmock = join(repository, 'tests/node_modules/.bin/llmock');
const key = 'sk-probe-key-that-must-not-leak';
const busy = (status, type, retryAfter) => ({ error: { message: 'slow down', type }, status, retryAfter });

// Starts llmock on a port of its own choosing; resolves to its base URL.
async function start(t, fixtures, ...args) {
  const dir = mkdtempSync(join(tmpdir(), 'hq-llmock-'));
  writeFileSync(join(dir, 'fixtures.json'), JSON.stringify({ fixtures }));
  const child = spawn(llmock, ['-p', '0', '-f', join(dir, 'fixtures.json'), '--strict', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((done) => child.once('close', done));
  t.after(async () => {
    child.kill();
    await ended;
    rmSync(dir, { recursive: true });
  });
  return new Promise((done, fail) => {
    let text = '';
    const look = (part) => {
      text += part;
      const url = /listening on (http:\S+)/.exec(text)?.[1];
      if (url) done(url);
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.once('close', () => fail(new Error(`llmock ended: ${text}`)));
  });
}

async function ask(url, text, ...args) {
  const result = await run(probe, [`${url}/v1`, 'gpt-5', text, ...args], { env: { MODEL_PROBE_KEY: key } });
  assert.ok(result.json, result.stderr);
  assert.ok(!(result.stdout + result.stderr).includes(key), 'the key is shown');
  return result.json;
}

const journal = async (url) => (await fetch(`${url}/__aimock/journal`)).json();

test('streamed text, usage, and the request as llmock saw it', async (t) => {
  const url = await start(t, [{ match: { userMessage: 'say' }, response: { content: 'Grüße, 世界 🙂🙂🙂, in pieces.', usage: { prompt_tokens: 11, completion_tokens: 22, total_tokens: 33 } }, chunkSize: 1 }]);
  const answer = await ask(url, 'say');
  assert.equal(answer.outcome, 'ok');
  assert.deepEqual(answer.message, { stop: 'stop', text: 'Grüße, 世界 🙂🙂🙂, in pieces.' });
  assert.ok(answer.pieces > 10, `${answer.pieces} pieces`);
  assert.deepEqual(answer.usage, { in: 11, out: 22, cached: 0, estimated: false });
  const [entry] = await journal(url);
  assert.equal(entry.path, '/v1/chat/completions');
  assert.equal(entry.body.stream_options.include_usage, true);
  assert.deepEqual(entry.body.messages.map((message) => message.role), ['system', 'user']);
  assert.equal(entry.body.tools, undefined);
});

test('tool calls, several at once, and the answer behind their results', async (t) => {
  const url = await start(t, [
    { match: { userMessage: 'look', hasToolResult: true }, response: { content: 'Both seen.' } },
    { match: { userMessage: 'look' }, response: { content: 'I look.', toolCalls: [{ id: 'call_a', name: 'read', arguments: '{"path":"a \\"quoted\\" näme"}' }, { id: 'call_b', name: 'read', arguments: {} }] }, chunkSize: 1 },
  ]);
  const first = await ask(url, 'look', '--tool', 'read');
  assert.equal(first.outcome, 'ok');
  assert.deepEqual(first.message, { stop: 'tool_use', text: 'I look.', tool_calls: [
    { id: 'call_a', name: 'read', arguments: { path: 'a "quoted" näme' } }, { id: 'call_b', name: 'read', arguments: {} }] });
  const second = await ask(url, 'look', '--tool', 'read', '--result', 'content');
  assert.equal(second.message.text, 'Both seen.');
  const body = (await journal(url)).at(-1).body;
  assert.equal(body.messages.at(-1).tool_call_id, 'call_1');
  assert.equal(body.tool_choice, 'auto');
});

test('429 and 529: short ones are waited out, long ones come back with their time', async (t) => {
  const url = await start(t, [
    { match: { userMessage: 'short', sequenceIndex: 0 }, response: busy(429, 'rate_limit_error', 1) },
    { match: { userMessage: 'short' }, response: { content: 'now' } },
    { match: { userMessage: 'long' }, response: busy(429, 'rate_limit_error', 20) },
    { match: { userMessage: 'once', sequenceIndex: 0 }, response: busy(529, 'overloaded_error') },
    { match: { userMessage: 'once' }, response: { content: 'there is room' } },
    { match: { userMessage: 'full' }, response: busy(529, 'overloaded_error') },
  ]);
  const short = await ask(url, 'short');
  assert.equal(short.message?.text, 'now', short.error);
  assert.ok(short.took_ms >= 1000);
  const long = await ask(url, 'long');
  assert.equal(long.outcome, 'retry_later');
  assert.equal(long.retry_after_ms, 20000);
  assert.equal((await ask(url, 'once')).message?.text, 'there is room');
  const full = await ask(url, 'full');
  assert.equal(full.outcome, 'retry_later');
  assert.ok(full.retry_after_ms > 0);
  assert.equal((await journal(url)).length, 2 + 1 + 2 + 3);
});

test('a cut stream is no answer; it is asked again only where nobody has heard of it', async (t) => {
  const cut = { truncateAfterChunks: 4, chunkSize: 3, latency: 20 }; // without latency nothing is flushed before the cut
  const url = await start(t, [
    { match: { userMessage: 'listened to', sequenceIndex: 0 }, response: { content: 'this never comes to its end' }, ...cut },
    { match: { userMessage: 'listened to' }, response: { content: 'whole' } },
    { match: { userMessage: 'nobody hears', sequenceIndex: 0 }, response: { content: 'this never comes to its end' }, ...cut },
    { match: { userMessage: 'nobody hears' }, response: { content: 'whole' } },
    { match: { userMessage: 'torn', sequenceIndex: 0 }, response: { toolCalls: [{ name: 'read', arguments: '{"path":"somewhere"}' }] }, ...cut },
    { match: { userMessage: 'torn' }, response: { content: 'no half a call' } },
  ]);
  const heard = await ask(url, 'listened to');
  assert.equal(heard.outcome, 'unreachable');
  assert.equal(heard.message, null);
  assert.ok(heard.pieces > 0);
  assert.equal((await ask(url, 'nobody hears', '--quiet')).message?.text, 'whole');
  assert.equal((await ask(url, 'torn', '--tool', 'read')).message?.text, 'no half a call');
  assert.equal((await journal(url)).length, 1 + 2 + 2);
});

test('cancelling in mid-stream ends the call', async (t) => {
  const url = await start(t, [{ match: { userMessage: 'slow' }, response: { content: 'a long answer that takes its time '.repeat(50) }, chunkSize: 5, latency: 200 }]);
  const answer = await ask(url, 'slow', '--cancel-after', '2');
  assert.equal(answer.outcome, 'cancelled');
  assert.equal(answer.pieces, 2);
});

test('refusals are told apart', async (t) => {
  const refuse = (status, message, code) => ({ error: { message, type: 'invalid_request_error', code }, status });
  const url = await start(t, [
    { match: { userMessage: 'key' }, response: refuse(401, `Incorrect API key provided: ${key}`, 'invalid_api_key') },
    { match: { userMessage: 'model' }, response: refuse(404, 'The model does not exist', 'model_not_found') },
    { match: { userMessage: 'long' }, response: refuse(400, 'too much', 'context_length_exceeded') },
    { match: { userMessage: 'bad' }, response: refuse(400, 'no such parameter') },
  ]);
  assert.equal((await ask(url, 'key')).outcome, 'auth');
  const model = await ask(url, 'model');
  assert.equal(model.outcome, 'refused');
  assert.match(model.error, /"probe" has no model "gpt-5"/);
  assert.equal((await ask(url, 'long')).outcome, 'too_long');
  assert.equal((await ask(url, 'bad')).outcome, 'refused');
  const unmatched = await ask(url, 'nothing fits'); // --strict answers 503
  assert.notEqual(unmatched.outcome, 'ok');
});

for (const [flag, outcome] of [['drop', 'unreachable'], ['malformed', 'malformed'], ['disconnect', 'unreachable'], ['ratelimit', 'retry_later']])
  test(`llmock --chaos-${flag} 1`, async (t) => {
    const url = await start(t, [{ match: { userMessage: 'x' }, response: { content: 'y' } }], `--chaos-${flag}`, '1');
    const answer = await ask(url, 'x');
    assert.equal(answer.outcome, outcome, answer.error);
    assert.ok(answer.error.includes('probe'), answer.error);
  });
