// The crash-point runner: records every numbered point that a scenario passes (base/crash.h), then
// runs the scenario once per point with a SIGKILL there, and looks whether anything was lost,
// doubled, repeated or left behind.
// usage: run.mjs [--all] [--scenario NAME] [--only REGEX] [--pairs N] [--slots N] [--seconds N] [--keep FILE.json]
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Company, processesOf } from '../stories/company.mjs';
import * as firstLight from './first-light.mjs';
import { bringDown } from './operator.mjs';
import * as teamwork from './teamwork.mjs';
import * as workflow from './workflow.mjs';

const { values: options } = parseArgs({ options: {
  all: { type: 'boolean', default: false },
  scenario: { type: 'string', default: '' },
  only: { type: 'string', default: '' },
  pairs: { type: 'string', default: '0' }, // random pairs of points in one run
  slots: { type: 'string', default: '3' },
  keep: { type: 'string' }, // what became of each point, for the page of proofs
  seconds: { type: 'string', default: '60' }, // how long the short form starts new runs
} });
const scenarios = [firstLight, teamwork, workflow].filter(({ name }) => name.includes(options.scenario));

let serial = 0;

async function once(scenario, point) {
  const tags = scenario.tags(++serial);
  const { env = {}, ...settings } = scenario.options(tags);
  const company = await Company.open(null, { up: false, ...settings });
  try {
    const crashDir = join(company.dir, 'crash');
    mkdirSync(crashDir);
    company.env = { ...env, HQ_CRASH_DIR: crashDir, ...(point ? { HQ_CRASH_AT: point } : {}) };
    const ids = await scenario.work(company, tags);
    await bringDown(company);
    const passed = readFileSync(join(crashDir, 'points'), 'utf8').trim().split('\n');
    const fired = readdirSync(crashDir).some((name) => name.startsWith('fired.'));

    company.env = env;
    await company.up();
    const unknown = await scenario.check(company, ids, tags);
    for (const { pid } of processesOf(company.dir)) process.kill(pid, 'SIGKILL');
    return { points: passed, fired, unknown };
  } finally {
    await company.close();
  }
}

// First one pass of every site, then the rest: the short form sees every site before its time is up.
function order(points) {
  const site = (point) => point.replace(/#\d+$/, '');
  const first = points.filter((point, i) => points.findIndex((other) => site(other) === site(point)) === i);
  return [...first, ...points.filter((point) => !first.includes(point))];
}

// Two deaths in one run, anywhere.
function pairsOf(points, count) {
  const any = () => points[Math.floor(Math.random() * points.length)];
  return Array.from({ length: count }, () => `${any()},${any()}`);
}

let passed = 0, failed = 0;
const fates = [];

// All points of one scenario, several at once.
async function runAll(scenario, seconds) {
  await scenario.start();
  const recorded = await once(scenario, null);
  const points = order([...new Set(recorded.points)]);
  let queue = points.filter((point) => new RegExp(options.only).test(point));
  if (Number(options.pairs)) queue = pairsOf(queue, Number(options.pairs));
  const roles = {};
  for (const point of points) roles[point.split('/')[0]] = (roles[point.split('/')[0]] ?? 0) + 1;
  console.log(`${scenario.name}: ${points.length} points: ${Object.entries(roles).map(([role, count]) => `${role} ${count}`).join(', ')}`);

  const began = Date.now(), wanted = queue.length;
  let good = 0, bad = 0, unknown = 0, missed = 0;
  const slot = async () => {
    for (;;) {
      const late = !options.all && !Number(options.pairs) && Date.now() - began > seconds * 1000;
      const point = late ? null : queue.shift();
      if (!point) return;
      try {
        const result = await once(scenario, point);
        if (!result.fired) missed++; // another order of events: the point was not passed this time
        good++;
        unknown += result.unknown;
        fates.push({ scenario: scenario.name, point, ok: true, fired: result.fired, unknown: result.unknown });
      } catch (error) {
        bad++;
        fates.push({ scenario: scenario.name, point, ok: false });
        console.log(`FAILED ${scenario.name} at ${point}\n${error.stack.split('\n').slice(0, 40).join('\n')}`);
      }
    }
  };
  await Promise.all(Array.from({ length: Number(options.slots) }, slot));
  await scenario.stop();
  console.log(`${scenario.name}: ${good + bad} of ${wanted} ${Number(options.pairs) ? 'pairs' : 'points'} in ${Math.round((Date.now() - began) / 1000)} s ` +
    `(${missed} not passed this time); 0 lost, 0 doubled${bad ? ' except where it failed' : ''}; ${unknown} calls declared unknown`);
  if (queue.length) console.log(`${queue.length} left for: make crash`);
  passed += good;
  failed += bad;
}

for (const scenario of scenarios) await runAll(scenario, Number(options.seconds) / scenarios.length);
if (options.keep) writeFileSync(options.keep, JSON.stringify(fates));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed || !passed ? 1 : 0;
