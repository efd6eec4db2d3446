// What graphs and alerts are drawn from: a strict reader of the format, numbers held against what was
// done, and every name that the dashboard and the alerts use.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, repository, rules, until } from './company.mjs';
import { parseExposition, sum } from './exposition.mjs';

async function scrape(company, token = null) {
  const answer = await company.api('GET', '/metrics', undefined, token);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  return Object.assign(parseExposition(answer.text), { text: answer.text });
}

const counters = (families) => [...families.values()].filter(({ type }) => type !== 'gauge')
  .flatMap(({ samples }) => samples.map(({ name, labels, value }) => [`${name} ${JSON.stringify(labels)}`, value]));

test('the numbers are those of what was done, and counters never fall', async (t) => {
  const company = await Company.open(t, { agents: 2, script: [{ when: { user: 'priced' }, say: 'that cost', usage: { in: 100, out: 10 } }, ...rules] });
  const first = await until('agents are looked at', async () => {
    const now = await scrape(company);
    return sum(now, 'hq_agents', { state: 'up' }) === 2 && now;
  });
  assert.equal(sum(first, 'hq_build_info'), 1);
  assert.equal(sum(first, 'hq_tasks'), 0);
  assert.equal(sum(first, 'hq_agents', { state: 'down' }), 0);
  assert.ok(Math.abs(sum(first, 'hq_hub_start_time_seconds') - Date.now() / 1000) < 600);

  for (let i = 0; i < 5; i++) await company.ask('manager', `echo:a${i}`);
  await company.ask('tech-lead', 'work:b');
  await company.ask('tech-lead', 'refuse me');
  const { task } = (await company.hq('ask', 'manager', 'forever', '--no-wait', '--json')).json;
  const second = await until('counted', async () => {
    const now = await scrape(company);
    const working = sum(now, 'hq_tasks', { agent: 'manager', state: 'working' });
    return sum(now, 'hq_tasks_ended_total') === 7 && sum(now, 'hq_claims_total') === 8 && working === 1 && now;
  });
  const is = (name, labels, value) => assert.equal(sum(second, name, labels), value, `${name} ${JSON.stringify(labels)}`);
  is('hq_tasks_submitted_total', { agent: 'manager' }, 6);
  is('hq_tasks_ended_total', { agent: 'manager', class: 'done' }, 5);
  is('hq_tasks_ended_total', { agent: 'tech-lead', class: 'done' }, 1);
  is('hq_tasks_ended_total', { agent: 'tech-lead', class: 'refused' }, 1);
  is('hq_model_calls_total', { provider: 'demo', outcome: 'answered' }, 8);
  is('hq_tool_calls_total', { outcome: 'answered' }, 2);
  is('hq_usage_calls_total', { agent: 'manager', provider: 'demo' }, 5);
  is('hq_claims_total', {}, 8);
  is('hq_tasks', {}, 1);
  is('hq_paused', {}, 0);
  const { json } = await company.api('GET', '/v1/usage?by=agent');
  for (const row of json.items) {
    is('hq_tokens_in_total', { agent: row.key }, row.tokens_in);
    is('hq_tokens_out_total', { agent: row.key }, row.tokens_out);
  }
  assert.ok(sum(second, 'hq_commit_seconds_count') > 20);
  assert.ok(sum(second, 'hq_commit_batches_total') >= sum(second, 'hq_commit_seconds_count'));
  assert.ok(sum(second, 'hq_process_pss_bytes', { process: 'hub' }) > 1e6);
  assert.ok(sum(second, 'hq_ledger_bytes') > 0 && sum(second, 'hq_disk_free_bytes') > 0);
  const { json: status } = await company.api('GET', '/v1/status');
  is('hq_process_up', { process: 'manager' }, 1);
  assert.equal(status.agents.find(({ id }) => id === 'manager').working, 1);
  const before = new Map(counters(first)), after = new Map(counters(second));
  for (const [key, value] of before) assert.ok(after.get(key) >= value, `${key} fell or went`);

  // Held by a dead hub's successor too: usage is the ledger's, events begin anew.
  await company.api('POST', `/v1/tasks/${task.id}/cancel`, {});
  await company.reborn('hub', company.kill('hub'));
  const third = await until('the hub is back', async () => scrape(company));
  assert.ok(sum(third, 'hq_tokens_in_total') >= sum(second, 'hq_tokens_in_total'));
  assert.ok(sum(third, 'hq_hub_start_time_seconds') > sum(second, 'hq_hub_start_time_seconds'));
});

test('what is paused is counted by its scope, over a hub that dies, until it is resumed', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  const task = (await company.hq('ask', 'tech-lead', 'forever', '--no-wait', '--json')).json.task.id;
  const paused = async () => {
    const families = await scrape(company);
    return ['company', 'agent', 'task'].map((scope) => sum(families, 'hq_paused', { scope }));
  };
  const held = async (...args) => {
    assert.equal((await company.hq(...args)).code, 0, args.join(' '));
    return paused();
  };
  assert.deepEqual(await paused(), [0, 0, 0]);
  assert.deepEqual(await held('pause', 'manager'), [0, 1, 0]);
  assert.deepEqual(await held('pause', task), [0, 1, 1]);
  assert.deepEqual(await held('pause'), [1, 1, 1]);
  await company.reborn('hub', company.kill('hub'));
  assert.deepEqual(await until('the hub is back', () => paused()), [1, 1, 1]);
  assert.deepEqual(await held('resume'), [0, 1, 1]);
  assert.deepEqual(await held('resume', task), [0, 1, 0]);
  assert.deepEqual(await held('resume', 'manager'), [0, 0, 0]);
});

test('what a task says never becomes a label, and names of gateways hold, too', async (t) => {
  const company = await Company.open(t);
  await company.ask('manager', 'echo:x', '--model', 'demo/a"b\\c');
  const families = await until('counted', async () => {
    const now = await scrape(company);
    return sum(now, 'hq_claims_total') > 0 && now;
  });
  for (const { samples } of families.values())
    for (const { labels } of samples)
      for (const value of Object.values(labels)) assert.match(value, /^[a-z0-9._+-]+$/i);
  const gateway = await company.hook('manager', '/metrics', undefined, { method: 'GET', token: null });
  const served = parseExposition(gateway.text);
  assert.equal(sum(served, 'hq_turns_total', { agent: 'manager' }), 1);
  assert.ok(sum(served, 'hq_gateway_pss_bytes', { agent: 'manager' }) > 1e5);
});

// Names in PromQL: what is no function, no keyword, no label and no string.
function namesIn(expr) {
  return [...expr.replace(/"[^"]*"/g, '').replace(/\{[^}]*\}/g, '').replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, '').matchAll(/\bhq_[a-z_]+/g)].map(([name]) => name);
}

test('the dashboard and the alerts use names that are there', async (t) => {
  const company = await Company.open(t);
  const families = await scrape(company);
  const has = (name) => families.has(name) || families.get(name.replace(/_(bucket|sum|count)$/, ''))?.type === 'histogram';
  const board = JSON.parse(readFileSync(join(repository, 'contrib/grafana/hq.json'), 'utf8'));
  const exprs = board.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const alerts = readFileSync(join(repository, 'contrib/prometheus/alerts.yml'), 'utf8');
  exprs.push(...[...alerts.matchAll(/^\s+expr: (.+)$/gm)].map(([, expr]) => expr));
  assert.ok(exprs.length > 20);
  for (const expr of exprs) {
    const names = namesIn(expr);
    assert.ok(names.length > 0, `no metric in ${expr}`);
    for (const name of names) assert.ok(has(name), `${name} (in ${expr}) is not in /metrics`);
  }
  const ids = board.panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  if (spawnSync('promtool', ['--version']).status === 0) {
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: families.text, encoding: 'utf8' });
    assert.equal(checked.status, 0, checked.stderr);
    const rules = spawnSync('promtool', ['check', 'rules', join(repository, 'contrib/prometheus/alerts.yml')], { encoding: 'utf8' });
    assert.equal(rules.status, 0, rules.stdout + rules.stderr);
  } else {
    t.diagnostic('promtool is not installed: the strict reader alone has looked');
  }
});
