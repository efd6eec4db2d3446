// Writes docs/proof.md from what the parts of `make proof` left in a folder: for each part a text with its
// output, a .json with when, how and on what it ran, and for the crash points and the soak what happened in all.
// usage: page.mjs FOLDER > docs/proof.md
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const text = (name) => readFileSync(join(folder, name), 'utf8').trimEnd();
const json = (name) => (existsSync(join(folder, name)) ? JSON.parse(text(name)) : null);

const parts = [
  ['crash', 'The kill matrix', 'Every commit, send and receive of four scenarios is a numbered point. The scenario runs once per point, with a SIGKILL there; ' +
    'then the company is started again and every result, effect, file and money row is looked at.'],
  ['chaos', 'Random deaths under load', 'Thousands of tasks that delegate to each other, while agents and the hub are killed at random.'],
  ['soak', 'Soak', 'A steady stream of turns for two hours while gateways, supervisor and hub are killed at random. Two agents are never killed: what they take may not grow.'],
  ['bench', 'Speed and memory', 'Medians; every row says how it was measured. A target that is missed says so.'],
  ['many', 'A thousand agents on one machine', 'Every agent a process of its own, all asked once.'],
  ['fuzz', 'Fuzzing', 'libFuzzer with address and undefined-behaviour sanitizer, every parser a target.'],
];

// "gateway-manager/turn.model.before#3" → what died, and where.
function place(point) {
  const [, process, site] = /^(.*?)\/(.*)#\d+$/.exec(point);
  return { process: process.split('-')[0], site: site.replace(/\.(before|after)$/, '') };
}

function matrix(fates) {
  const scenarios = [...new Set(fates.map(({ scenario }) => scenario))];
  const rows = new Map();
  for (const { scenario, point, ok, fired, unknown } of fates) {
    const { process, site } = place(point);
    const key = `${site} | ${process}`;
    if (!rows.has(key)) rows.set(key, Object.fromEntries(scenarios.map((name) => [name, { killed: 0, bad: 0, unknown: 0 }])));
    const cell = rows.get(key)[scenario];
    if (!ok) cell.bad++;
    else if (fired) cell.killed++;
    cell.unknown += unknown ?? 0;
  }
  const show = ({ killed, bad, unknown }) => (killed + bad === 0 ? '' : `${killed}${bad ? `, **${bad} failed**` : ''}${unknown ? ` (${unknown} unknown)` : ''}`);
  const total = (name) => {
    const own = fates.filter(({ scenario }) => scenario === name);
    return `${own.filter(({ fired }) => fired).length} of ${own.length}`;
  };
  return [
    `| dies around | process | ${scenarios.join(' | ')} |`,
    `|---|---|${scenarios.map(() => '---|').join('')}`,
    ...[...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, cells]) => `| ${key} | ${scenarios.map((name) => show(cells[name])).join(' | ')} |`),
    `| **all** | | ${scenarios.map(total).join(' | ')} |`,
    '',
    `Numbers are deaths survived: nothing lost, nothing doubled, nothing repeated at a receiver that de-duplicates. "unknown" counts commands of which nobody can know whether they ran: ` +
      'they are declared so and told to the model or asked of a person, never guessed. A point that was not passed in its own run (another order of events) is in "of", not in the number before it.',
  ];
}

// Memory over time: a line per 10 minutes.
function course({ samples }) {
  const kb = (value) => (value ? `${(value / 1024).toFixed(1)} MB` : '–');
  const every = Math.max(1, Math.round(samples.length / 12));
  const names = Object.keys(samples[0].pss).filter((name) => name.startsWith('gateway-')).slice(0, 2);
  return [
    `| minute | requests ended | hub | ${names.map((name) => name.replace('gateway-', '')).join(' | ')} | ledger |`,
    `|---|---|---|${names.map(() => '---|').join('')}---|`,
    ...samples.filter((_, i) => i % every === every - 1).map((one) =>
      `| ${one.minute.toFixed(0)} | ${one.ended} | ${kb(one.pss.hub)} | ${names.map((name) => kb(one.pss[name])).join(' | ')} | ${(one.ledger / 1048576).toFixed(0)} MB |`),
  ];
}

const out = ['# Proof', '',
  'What hq promises, and what was done to see whether it is so. `make proof` runs all of it (about four hours) and writes this page; `make proof PARTS="crash bench"` ' +
    'repeats some and keeps the others. Nothing here is typed by hand.', ''];

for (const [name, title, about] of parts) {
  out.push(`## ${title}`, '', about, '');
  const run = json(`${name}.run.json`);
  if (!run) {
    out.push('Not run for this page.', '');
    continue;
  }
  out.push(`\`${run.command}\` · ${run.date} · ${run.version} · commit ${run.commit} · ${run.machine} · load ${run.load} before, ${run.load_after} after · ` +
    `${Math.round(run.seconds / 60)} min · exit ${run.exit}`, '');
  const fates = name === 'crash' && json('crash.json'), soak = name === 'soak' && json('soak.json');
  if (fates) out.push(...matrix(fates), '');
  if (soak) out.push(...course(soak), '');
  out.push('```', text(`${name}.txt`), '```', '');
}
process.stdout.write(`${out.join('\n').trimEnd()}\n`);
