// A follower of GET /v1/feed as a client would be written: reads server-sent events by the letter of
// the standard, keeps its cursor, and comes back behind it whatever happened to the hub.
import http from 'node:http';
import { join } from 'node:path';

// Bytes in any pieces → {id, event, data}. Throws at what is no line of an event stream.
export class EventReader {
  constructor(onEvent) {
    this.onEvent = onEvent;
    this.rest = '';
    this.lastId = '';
    this.retry = undefined;
    this.comments = 0;
    this.reset();
  }

  reset() {
    this.data = [];
    this.name = '';
  }

  feed(text) {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop();
    for (const line of lines) this.line(line);
  }

  line(line) {
    if (line === '') {
      if (this.data.length) this.onEvent({ id: this.lastId, event: this.name || 'message', data: JSON.parse(this.data.join('\n')) });
      this.reset();
      return;
    }
    const [, field, value] = /^([a-z]*): ?(.*)$/.exec(line) ?? [];
    if (field === '') this.comments++;
    else if (field === 'id') this.lastId = value;
    else if (field === 'event') this.name = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'retry') this.retry = Number(value);
    else throw new Error(`no line of an event stream: ${JSON.stringify(line)}`);
  }
}

export class Follower {
  constructor(company, query = '', { cursor = '', tcp = false, token = company.token('operator') } = {}) {
    Object.assign(this, { company, query, tcp, token, events: [], gaps: [], opened: 0, ended: 0, status: 0, closed: false });
    this.reader = new EventReader((event) => (event.event === 'gap' ? this.gaps : this.events).push(event));
    this.reader.lastId = cursor;
    this.connect();
  }

  connect() {
    if (this.closed) return;
    this.reader.rest = '';
    this.reader.reset();
    const where = this.tcp ? { host: '127.0.0.1', port: this.company.hubPort } : { socketPath: join(this.company.dir, 'state/hub.sock') };
    const cursor = this.reader.lastId ? { 'last-event-id': this.reader.lastId } : {};
    this.request = http.request({ ...where, path: `/v1/feed${this.query}`, agent: false, headers: { authorization: `Bearer ${this.token}`, ...cursor } });
    let over = false;
    const again = () => {
      if (over) return;
      over = true;
      this.ended++;
      setTimeout(() => this.connect(), 20).unref();
    };
    this.request.on('error', again);
    this.request.on('response', (response) => {
      this.response = response;
      this.status = response.statusCode;
      this.headers = response.headers;
      if (response.statusCode !== 200) {
        response.resume();
        if (response.statusCode < 500) this.closed = true;
        response.on('end', again);
        return;
      }
      this.opened++;
      response.setEncoding('utf8').on('data', (text) => this.reader.feed(text));
      response.on('error', again);
      response.on('close', again);
    });
    this.request.end();
  }

  close() {
    this.closed = true;
    this.request.destroy();
  }
}

// All events of the given streams as the ledger has them now.
export async function eventsOf(company, streams) {
  const all = new Map();
  for (const stream of streams) {
    for (let from = 1; ;) {
      const { json } = await company.api('GET', `/v1/events?stream=${encodeURIComponent(stream)}&from=${from}&limit=1000`);
      for (const event of json.items) all.set(`${stream} ${event.seq}`, event);
      if (json.items.length === 0) break;
      from = json.items.at(-1).seq + 1;
    }
  }
  return all;
}
