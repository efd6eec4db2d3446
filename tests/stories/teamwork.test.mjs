// Agents that work together: asked in parallel, in chains, sent back once, and put together.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Company, until } from './company.mjs';
import { checkTeamwork, team, teamAuthority, teamRules } from './teamwork.mjs';

const open = (t, change) => Company.open(t, { agents: team, script: teamRules, change: (config) => {
  teamAuthority(config);
  change?.(config);
} });

test('a study: two in parallel, one sub-delegation, one revision, one result', async (t) => {
  const company = await open(t);
  const { task } = await company.ask('manager', 'study:Alpha1');
  assert.equal(task.state, 'done', JSON.stringify(task));
  const { items } = await checkTeamwork(company, task.id, 'Alpha1');
  const of = (text) => items.find((item) => item.task.instruction.startsWith(text)).task;
  const [data, geometry, frame, audit] = ['Data', 'Geometry', 'Frame', 'Audit'].map(of);
  assert.equal(data.parent_step, geometry.parent_step, 'asked in one answer');
  assert.ok(data.created_at === geometry.created_at, 'and in one transaction');
  assert.ok(frame.created_at >= data.finished_at && frame.created_at >= geometry.finished_at, 'goes on when both are there');
  assert.ok(audit.created_at >= frame.finished_at);
  assert.deepEqual(of('Yield').path, ['manager', 'tech-lead', 'webster']);
  await company.check();
});

test('a parked parent holds no thread and no lease, and goes on after a restart of everything', async (t) => {
  const rules = [{ when: { model: 'webster', user: '/Data for/', step: 0 }, delay: '3s', say: 'Density, late.' }, ...teamRules];
  const company = await Company.open(t, { agents: team, script: rules, change: teamAuthority });
  const { task } = (await company.hq('ask', 'manager', 'study:Late1', '--no-wait', '--json')).json;
  const parked = await until('Manager waits', async () => {
    const { task: now, waits } = await company.task(task.id);
    return now.state === 'waiting' && { now, waits };
  });
  assert.equal(parked.now.worker, undefined, 'no lease');
  assert.equal(parked.waits.filter((wait) => wait.kind === 'task').length, 2, 'one set');
  assert.equal(parked.now.fence, 1);
  await company.killAll();
  await company.up();
  await until('done', async () => (await company.api('GET', `/v1/tasks/${task.id}?wait_ms=5000`)).json.task.state === 'done');
  await checkTeamwork(company, task.id, 'Late1');
  await company.check();
});
