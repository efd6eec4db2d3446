// Runs that wait for people are rows: no thread and no process each, through a restart, until they are
// approved. HQ_PARKED says how many (default 300; `make bench` takes 10,000).
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, processesOf, until } from './company.mjs';
import { writeFlow } from './flows.mjs';

const COUNT = Number(process.env.HQ_PARKED ?? 300);
const AT_ONCE = 32; // as many as the hub has handlers: threads that come with requests, not with runs

const gated = {
  inputs: { n: { type: 'integer', required: true } },
  steps: { ask: { approve: { title: 'Run ${{ inputs.n }}?', show: '${{ inputs.n }}', expires: '7d' } } },
  output: '${{ inputs.n }}',
};

async function forAll(count, act) {
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let i = next++; i < count; i = next++) await act(i);
  }));
}

function weight(company) {
  const pid = company.pid('hub');
  const pss = Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
  return { pss, threads: readdirSync(`/proc/${pid}/task`).length, processes: processesOf(company.dir).length };
}

async function inbox(company) {
  return (await company.api('GET', '/v1/inbox?limit=500')).json.items;
}

// Page after page, until nobody is asked any more; returns how many said yes.
async function approveAll(company) {
  for (let decided = 0;;) {
    const items = await inbox(company);
    if (!items.length) return decided;
    await forAll(items.length, async (i) => {
      const answer = await company.api('POST', `/v1/inbox/${items[i].id}`, { decision: 'approved' });
      assert.equal(answer.status, 200, answer.text);
    });
    decided += items.length;
  }
}

test(`${COUNT} runs wait for people, survive a restart, and end when they are approved`, { timeout: 900000 }, async (t) => {
  const company = await Company.open(t, { agents: 1 });
  writeFlow(company, 'gated', gated);
  const bundle = await company.api('POST', '/v1/runs', { workflow: 'gated', inputs: { n: 0 }, key: 'n0' });
  assert.equal(bundle.status, 201, bundle.text);
  await until('the first one waits', async () => (await inbox(company)).length === 1);
  const before = weight(company);

  const ids = [bundle.json.run.id];
  await forAll(COUNT - 1, async (i) => {
    const { status, json, text } = await company.api('POST', '/v1/runs', { workflow: 'gated', inputs: { n: i + 1 }, key: `n${i + 1}` });
    assert.equal(status, 201, text);
    ids.push(json.run.id);
  });
  await until('all wait', async () => (await company.api('GET', '/v1/status')).json.runs.waiting === COUNT, 120000);
  const parked = weight(company);
  t.diagnostic(`${COUNT} parked: hub ${before.pss} → ${parked.pss} kB PSS, threads ${before.threads} → ${parked.threads}, processes ${before.processes} → ${parked.processes}`);
  assert.equal(parked.processes, before.processes);
  assert.ok(parked.threads <= before.threads + AT_ONCE, `${parked.threads} threads, ${before.threads} before`);

  const { json: few } = await company.hq('flow', 'runs', '-n', '3', '--json');
  assert.equal(few.items.length, 3);

  const pid = company.kill('hub');
  await company.reborn('hub', pid);
  const again = weight(company);
  t.diagnostic(`after a restart: ${again.pss} kB PSS, ${again.threads} threads`);

  assert.equal(await approveAll(company), COUNT);
  await until('all have ended', async () => {
    const { json } = await company.api('GET', '/v1/runs?state=done&limit=1');
    const open = await Promise.all(['running', 'waiting'].map((state) => company.api('GET', `/v1/runs?state=${state}&limit=1`)));
    return json.items.length > 0 && open.every(({ json: page }) => page.items.length === 0);
  }, 120000);
  for (const id of ids.slice(0, 20)) assert.equal((await company.api('GET', `/v1/runs/${id}`)).json.run.state, 'done');
  const ledger = readdirSync(join(company.dir, 'state')).filter((name) => name.startsWith('ledger.db'));
  assert.ok(ledger.length);
  await company.check();
});
