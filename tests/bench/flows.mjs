// What workflows cost: the interpreter alone, the engine over a ledger on disk, and 10,000 runs of a real
// company that wait for people, through a SIGKILL of the hub. Prints the tables of the programs that
// measure, with the machine's load.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { binary, repository } from '../stories/company.mjs';

const RUNS = 5;
const build = dirname(binary);

function run(command, args, env = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env }, maxBuffer: 1 << 24 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${status}\n${stdout}${stderr}`);
  return stdout;
}

function engine(...args) {
  const folder = mkdtempSync(join(tmpdir(), 'hq-bench-'));
  try {
    return run(join(build, 'bench_engine'), [folder, ...args]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

console.log(`\nworkflows: ${cpus().length} × ${cpus()[0].model.trim()} · load ${loadavg().map((n) => n.toFixed(2)).join(' ')}`);
run('ninja', ['-C', build, 'bench_engine', 'bench_flow']);
console.log(`the interpreter alone\n${run(join(build, 'bench_flow'), [])}`);
for (let i = 1; i <= RUNS; i++) console.log(`the engine over SQLite, ${i} of ${RUNS}\n${engine('500', '20', i === RUNS ? '10000' : '100')}`);
const parked = run(process.execPath, ['--test', join(repository, 'tests/stories/parked-runs.test.mjs')], { HQ_PARKED: '10000' });
console.log(parked.split('\n').filter((line) => /parked:|restart:|duration_ms [0-9]/.test(line)).join('\n'));
