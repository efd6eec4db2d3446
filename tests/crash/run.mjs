// The crash-point runner: records every numbered point that a scenario passes (base/crash.h), then
// runs the scenario once per point with a SIGKILL there, and looks whether anything was lost,
// doubled, repeated or left behind.
// usage: run.mjs [--all] [--scenario NAME] [--only REGEX] [--pairs N] [--slots N] [--seconds N] [--keep FILE.json]
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Company } from '../stories/company.mjs';
import * as firstLight from './first-light.mjs';
import * as care from './care.mjs';
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
  seconds: { type: 'string', default: '36' }, // how long the short form starts new runs of scenarios that have no sample
} });
const scenarios = [firstLight, teamwork, workflow, care].filter(({ name }) => name.includes(options.scenario));

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
    return { points: passed, fired, unknown };
  } finally {
    await company.discard(); // that all of it comes down was seen above
  }
}

// In strides, so that whoever stops on the way has seen something of every part.
function spread(points) {
  if (points.length < 3) return points;
  const common = (a, b) => (b ? common(b, a % b) : a);
  let stride = Math.round(points.length * 0.618);
  while (common(points.length, stride) > 1) stride++;
  return points.map((_, i) => points[(i * stride) % points.length]);
}

// First one pass of every site, then the rest: the short form sees every site before its time is up.
function order(points) {
  const site = (point) => point.replace(/#\d+$/, '');
  const first = points.filter((point, i) => points.findIndex((other) => site(other) === site(point)) === i);
  return [...spread(first), ...spread(points.filter((point) => !first.includes(point)))];
}

// What the short form plays: the scenario's own choice, of each the middle pass; else what time allows.
function shorten(points, sample) {
  if (!sample) return points;
  const passes = (site) => points.filter((point) => point.replace(/#\d+$/, '') === site).sort((a, b) => a.split('#')[1] - b.split('#')[1]);
  return sample.map((site) => {
    const all = passes(site);
    if (all.length === 0) throw new Error(`the sample names ${site}, which was not passed`);
    return all[Math.floor(all.length / 2)];
  });
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
  const isShort = !options.all && !options.only && !Number(options.pairs);
  let queue = isShort ? [...shorten(points, scenario.sample)] : points.filter((point) => new RegExp(options.only).test(point));
  if (Number(options.pairs)) queue = pairsOf(queue, Number(options.pairs));
  const roles = {};
  for (const point of points) roles[point.split('/')[0]] = (roles[point.split('/')[0]] ?? 0) + 1;
  console.log(`${scenario.name}: ${points.length} points: ${Object.entries(roles).map(([role, count]) => `${role} ${count}`).join(', ')}`);

  const began = Date.now(), wanted = queue.length;
  let good = 0, bad = 0, unknown = 0, missed = 0;
  const slot = async () => {
    for (;;) {
      const late = isShort && !scenario.sample && Date.now() - began > seconds * 1000;
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
  if (isShort) console.log(`${points.length - good - bad} left for: make crash`);
  passed += good;
  failed += bad;
}

const timed = scenarios.filter(({ sample }) => !sample).length;
for (const scenario of scenarios) await runAll(scenario, Number(options.seconds) / timed);
if (options.keep) writeFileSync(options.keep, JSON.stringify(fates));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed || !passed ? 1 : 0;
