// A receiver of OTLP over HTTP that takes nothing but what the specification says: the proto3 JSON
// mapping of ExportTraceServiceRequest with ids in hex, 64-bit numbers as text, enums as numbers.
import http from 'node:http';

const fail = (what, value) => {
  throw new Error(`${what}: ${JSON.stringify(value)?.slice(0, 300)}`);
};

function members(object, allowed, required = []) {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) fail('no object', object);
  for (const key of Object.keys(object)) if (!allowed.includes(key)) fail(`unknown member ${key}`, object);
  for (const key of required) if (!(key in object)) fail(`${key} is missing`, object);
}

function checkAttributes(list) {
  const names = new Set();
  for (const { key, value, ...rest } of list) {
    if (Object.keys(rest).length || typeof key !== 'string' || !key || names.has(key)) fail('bad or repeated attribute', { key, rest });
    names.add(key);
    const [kind] = Object.keys(value);
    if (Object.keys(value).length !== 1) fail('a value has one kind', value);
    if (kind === 'stringValue' ? typeof value.stringValue !== 'string' : kind === 'intValue' ? !/^-?\d+$/.test(value.intValue) || typeof value.intValue !== 'string' : kind !== 'boolValue') fail('bad value', value);
  }
}

function checkSpan(span) {
  members(span, ['traceId', 'spanId', 'parentSpanId', 'name', 'kind', 'startTimeUnixNano', 'endTimeUnixNano', 'attributes', 'status'],
    ['traceId', 'spanId', 'name', 'kind', 'startTimeUnixNano', 'endTimeUnixNano']);
  if (!/^[0-9a-f]{32}$/.test(span.traceId) || /^0+$/.test(span.traceId)) fail('bad traceId', span);
  if (!/^[0-9a-f]{16}$/.test(span.spanId) || /^0+$/.test(span.spanId)) fail('bad spanId', span);
  if ('parentSpanId' in span && (!/^[0-9a-f]{16}$/.test(span.parentSpanId) || span.parentSpanId === span.spanId)) fail('bad parentSpanId', span);
  if (typeof span.name !== 'string' || !span.name) fail('no name', span);
  if (!Number.isInteger(span.kind) || span.kind < 1 || span.kind > 5) fail('bad kind', span);
  for (const time of [span.startTimeUnixNano, span.endTimeUnixNano])
    if (typeof time !== 'string' || !/^\d{19}$/.test(time)) fail('bad time', span);
  if (BigInt(span.endTimeUnixNano) < BigInt(span.startTimeUnixNano)) fail('it ends before it begins', span);
  checkAttributes(span.attributes ?? []);
  members(span.status ?? {}, ['code', 'message']);
  if (![undefined, 0, 1, 2].includes(span.status?.code)) fail('bad status', span);
}

export function checkRequest(request) {
  members(request, ['resourceSpans'], ['resourceSpans']);
  return request.resourceSpans.flatMap((resource) => {
    members(resource, ['resource', 'scopeSpans', 'schemaUrl'], ['resource', 'scopeSpans']);
    checkAttributes(resource.resource.attributes);
    if (!resource.resource.attributes.some(({ key }) => key === 'service.name')) fail('no service.name', resource.resource);
    return resource.scopeSpans.flatMap((scope) => {
      members(scope, ['scope', 'spans', 'schemaUrl'], ['spans']);
      members(scope.scope, ['name', 'version', 'attributes']);
      scope.spans.forEach(checkSpan);
      return scope.spans;
    });
  });
}

export const attribute = (span, key) => {
  const value = span.attributes.find((each) => each.key === key)?.value;
  return value?.intValue !== undefined ? Number(value.intValue) : value?.stringValue;
};

export class Receiver {
  static async open(test, port = 0) {
    const receiver = new Receiver();
    Object.assign(receiver, { posts: [], spans: [], errors: [], answer: () => [200, {}, '{}'] });
    receiver.server = http.createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part) => (text += part));
      request.on('end', () => {
        try {
          if (request.method !== 'POST' || request.url !== '/v1/traces' || request.headers['content-type'] !== 'application/json')
            fail('no post of traces', [request.method, request.url, request.headers]);
          const spans = checkRequest(JSON.parse(text));
          const [status, headers, body] = receiver.answer(receiver.posts.length);
          receiver.posts.push({ at: Date.now(), status, headers: request.headers, text, spans });
          if (status === 200) receiver.spans.push(...spans);
          response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
        } catch (error) {
          receiver.errors.push(error.message);
          response.writeHead(400).end('{}');
        }
      });
    });
    await new Promise((done) => receiver.server.listen(port, '127.0.0.1', done));
    receiver.port = receiver.server.address().port;
    test.after(() => receiver.close());
    return receiver;
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((done) => this.server.close(done));
  }

  of(key, value) {
    return this.spans.filter((span) => attribute(span, key) === value);
  }
}
