// Counts the cases of a `meson test` log (JSON lines) and prints what failed. A program reports its
// own cases (TAP); one that dies, hangs or says nothing counts as one failure.
import { readFileSync } from 'node:fs';

let passed = 0, failed = 0, skipped = 0;
for (const line of readFileSync(process.argv[2], 'utf8').split('\n').filter(Boolean)) {
  const program = JSON.parse(line);
  const cases = (program.stdout ?? '').split('\n').filter((text) => /^(not )?ok \d/.test(text));
  // Debian's cmocka writes a skipped case as "not ok … # SKIP".
  const skips = cases.filter((text) => text.includes('# SKIP')).length;
  const bad = cases.filter((text) => text.startsWith('not ok') && !text.includes('# SKIP')).length;
  const died = program.returncode !== 0 || program.result === 'TIMEOUT' || program.result === 'ERROR';
  skipped += skips;
  passed += cases.length ? cases.length - skips - bad : Number(!died);
  failed += died ? Math.max(bad, 1) : bad;
  if (bad || died) console.log(`FAILED ${program.name}: ${program.result}, exit ${program.returncode}\n${program.stdout ?? ''}\n${program.stderr ?? ''}`);
  else if (skips) console.log(`${program.name}: ${cases.filter((text) => text.includes('# SKIP')).join('; ')}`);
}
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed || !passed ? 1 : 0;
