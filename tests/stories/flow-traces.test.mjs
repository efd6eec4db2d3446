// The trace of a workflow: its steps, sub-workflow, decisions and deliveries lie in each other as they ran, also
// where the hub died while it waited, and what failed says so.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { rules, until } from './company.mjs';
import { look, open } from './folders.mjs';
import { attribute, Receiver as Traces } from './otlp.mjs';
import { Receiver, secretsOf } from './receiver.mjs';

const flows = {
  'release/inner.yaml': { name: 'inner', steps: { deep: { agent: 'manager', task: 'echo:deep' } }, output: '${{ steps.deep.output }}' },
  release: {
    steps: {
      draft: { agent: 'manager', task: 'echo:draft' },
      nested: { needs: ['draft'], workflow: 'inner' },
      gate: { needs: ['nested'], approve: { title: 'Release?', expires: '1h' } },
      send: { needs: ['gate'], effect: 'message', with: { to: 'webhook:team', text: 'released' } },
      breaks: { needs: ['send'], agent: 'manager', task: 'refuse me' },
    },
  },
};

test('a run is one trace, over a hub that dies at its gate', async (t) => {
  const traces = await Traces.open(t), hooks = await Receiver.open(t);
  const company = await open(t, flows, { script: rules, env: secretsOf({ team: hooks }), change: (config) => {
    config.telemetry = { otlp: `http://127.0.0.1:${traces.port}` };
    config.webhooks = { team: { url: { env: 'HQ_STORY_TEAM' } } };
  } });
  const started = await company.hq('flow', 'run', 'release', '--no-wait');
  assert.equal(started.code, 0, started.stderr);
  const id = started.stdout.trim();
  const [item] = await until('the gate', async () => {
    const { items } = (await company.api('GET', '/v1/inbox')).json;
    return items.length && items;
  });
  await until('what ended before is told', () => traces.spans.some(({ name }) => name === 'step deep'));
  await company.reborn('hub', company.kill('hub'));
  assert.equal((await company.hq('inbox', 'approve', item.id)).code, 0);
  await until('it ends', async () => (await look(company, id)).state === 'failed');
  const run = await look(company, id);
  await until('all is told', () => traces.of('hq.task', run.task).length && traces.spans.some(({ name }) => name.startsWith('deliver')));
  assert.deepEqual(traces.errors, []);

  // What is told twice is the same span.
  const spans = new Map();
  for (const span of traces.spans) {
    if (spans.has(span.spanId)) assert.deepEqual(span, spans.get(span.spanId));
    spans.set(span.spanId, span);
  }
  const [root] = traces.of('hq.task', run.task);
  const all = [...spans.values()];
  assert.ok(all.every(({ traceId }) => traceId === root.traceId), 'one trace');
  assert.equal(root.parentSpanId, undefined);
  assert.deepEqual([root.name, attribute(root, 'hq.run')], ['workflow release', id]);
  for (const span of all.filter((one) => one !== root && one.spanId !== root.spanId)) assert.ok(spans.has(span.parentSpanId), `the parent of ${span.name} is told`);
  const step = (path) => all.find(({ name }) => name === `step ${path}`);
  for (const path of ['draft', 'nested', 'gate', 'send', 'breaks']) assert.equal(step(path).parentSpanId, root.spanId, path);
  const childOf = (span, what) => all.find((one) => one.parentSpanId === span.spanId && one.name.startsWith(what));
  const inner = childOf(step('nested'), 'workflow inner');
  assert.equal(step('deep').parentSpanId, inner.spanId);
  assert.ok(childOf(childOf(step('deep'), 'invoke_agent manager'), 'chat'), 'a step has its task, and that its model call');
  const approval = childOf(step('gate'), 'approval');
  assert.deepEqual([attribute(approval, 'hq.approval'), attribute(approval, 'hq.state')], [item.id, 'approved']);
  const delivery = childOf(step('send'), 'deliver webhook:team');
  assert.deepEqual([delivery.kind, delivery.status, attribute(delivery, 'hq.attempts')], [4, { code: 1 }, 1]);

  for (const path of ['draft', 'nested', 'gate', 'send']) assert.deepEqual(step(path).status, { code: 1 }, path);
  for (const span of [root, step('breaks'), childOf(step('breaks'), 'invoke_agent')]) {
    assert.deepEqual(span.status, { code: 2 }, span.name);
    assert.equal(attribute(span, 'error.type'), 'refused', span.name);
  }
  // A step's time is within its run's, and a child's within its parent's.
  for (const span of all) {
    const parent = spans.get(span.parentSpanId);
    if (!parent || span.name.startsWith('deliver')) continue;
    assert.ok(BigInt(span.startTimeUnixNano) >= BigInt(parent.startTimeUnixNano) && BigInt(span.endTimeUnixNano) <= BigInt(parent.endTimeUnixNano), `${span.name} is within ${parent.name}`);
  }
});
