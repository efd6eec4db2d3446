// A provider of models over HTTP (Chat Completions, streamed) that answers after a moment and remembers
// when each request began and whether its answer was taken.
import http from 'node:http';

const piece = (delta, finish = null) => `data: ${JSON.stringify({
  id: 'c', object: 'chat.completion.chunk', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }],
})}\n\n`;

export class Provider {
  // answer({ model, user, step, tools }) → { say } or { call: { name, arguments } }; `delay` in ms.
  static async open(test, answer, delay = 100) {
    const provider = new Provider();
    Object.assign(provider, { answer, delay, requests: [] });
    provider.server = http.createServer((request, response) => provider.take(request, response));
    await new Promise((done) => provider.server.listen(0, '127.0.0.1', done));
    provider.url = `http://127.0.0.1:${provider.server.address().port}/v1`;
    test.after(() => (provider.server.closeAllConnections(), provider.server.close()));
    return provider;
  }

  take(request, response) {
    const seen = { at: Date.now(), ended: false };
    this.requests.push(seen);
    let text = '';
    response.on('close', () => (seen.ended = true));
    request.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => {
      seen.body = JSON.parse(text);
      setTimeout(() => this.reply(seen.body, response), this.delay);
    });
  }

  reply({ model, messages }, response) {
    if (response.destroyed) return;
    const at = messages.findLastIndex((message) => message.role === 'user' && !/^\[runtime\]/.test(message.content));
    const since = messages.slice(at + 1);
    const step = since.filter((message) => message.role === 'assistant').length;
    const { say, call } = this.answer({ model, user: messages[at].content, step });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (call)
      response.write(piece({ role: 'assistant', tool_calls: [{ index: 0, id: `call_${step}`, type: 'function',
        function: { name: call.name, arguments: JSON.stringify(call.arguments) } }] }));
    else response.write(piece({ role: 'assistant', content: say }));
    response.end(`${piece({}, call ? 'tool_calls' : 'stop')}data: [DONE]\n\n`);
  }

  // Lets `agents` of a company think with it; the key is in the environment of whoever opens the company.
  static env = { HTTP_KEY: 'k' };
  serve(config, ...agents) {
    config.models.http = { api: 'openai-chat', base_url: this.url, api_key: { env: 'HTTP_KEY' } };
    for (const agent of agents) config.agents[agent].model = 'http/m';
  }

  get running() {
    return this.requests.filter((request) => !request.ended).length;
  }
}
