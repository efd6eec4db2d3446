// A receiver of webhooks that de-duplicates, as CloudEvents lets consumers do (same source and id: the
// same event), and that can be told to misbehave.
import http from 'node:http';

export class Receiver {
  // `behave(request, n)` says what to do with the n-th request (from 1): nothing, or a status, or
  // {status, headers, body}, or 'hang' (never an answer), 'cut' (taken, then the connection is
  // cut instead of an answer).
  static async open(test, behave = () => 200) {
    const receiver = new Receiver();
    receiver.behave = behave;
    receiver.requests = []; // all that came: {method, url, headers, text, json}
    receiver.events = new Map(); // "source id" → the CloudEvent, once each
    receiver.messages = []; // what came in Discord's form, however often
    receiver.sockets = new Set();
    receiver.server = http.createServer((request, response) => receiver.take(request, response));
    receiver.server.on('connection', (socket) => {
      receiver.sockets.add(socket);
      socket.on('close', () => receiver.sockets.delete(socket));
    });
    await new Promise((done) => receiver.server.listen(0, '127.0.0.1', done));
    receiver.url = `http://127.0.0.1:${receiver.server.address().port}/hook/s3cr3t-pa7h`;
    test?.after(() => receiver.close());
    return receiver;
  }

  take(request, response) {
    let text = '';
    request.setEncoding('utf8').on('data', (part) => (text += part));
    request.on('end', () => {
      let json;
      try {
        json = JSON.parse(text);
      } catch {
        json = undefined;
      }
      const seen = { method: request.method, url: request.url, headers: request.headers, text, json };
      this.requests.push(seen);
      const what = this.behave(seen, this.requests.length) ?? 200;
      const answer = typeof what === 'number' ? { status: what } : what;
      if (what === 'hang') return;
      if (what === 'cut' || answer.status < 300) this.keep(seen);
      if (what === 'cut') {
        request.socket.destroy();
        return;
      }
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
      response.end(JSON.stringify(answer.body ?? { id: `r-${this.requests.length}` }));
    });
  }

  keep({ headers, json, text }) {
    if (/^application\/cloudevents\+json/.test(headers['content-type'])) this.events.set(`${json.source} ${json.id}`, json);
    else this.messages.push(json ?? text);
  }

  // How often each event was sent, whether it was taken or not.
  get times() {
    const times = {};
    for (const { json } of this.requests) if (json?.specversion) times[json.id] = (times[json.id] ?? 0) + 1;
    return times;
  }

  close() {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((done) => this.server.close(done));
  }
}

// Settings that send what an agent answers to the receiver: for `change` of Company.open.
export function deliverTo(receiver, { form = 'cloudevents', perMinute = 600, name = 'team' } = {}) {
  return (config) => {
    config.webhooks = { ...config.webhooks, [name]: { url: { env: `HQ_STORY_${name.toUpperCase()}` }, form, per_minute: perMinute } };
    config.defaults = { ...config.defaults, deliver: `webhook:${name}` };
  };
}

export function secretsOf(receivers) {
  return Object.fromEntries(Object.entries(receivers).map(([name, receiver]) => [`HQ_STORY_${name.toUpperCase()}`, receiver.url]));
}
