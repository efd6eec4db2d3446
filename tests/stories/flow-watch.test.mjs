// hq flow watch: a run by the feed, until it has ended, whatever happens to the hub and the ledger meanwhile.
import assert from 'node:assert/strict';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, Company, run, until } from './company.mjs';
import { look, open, start } from './folders.mjs';
import { Following } from './following.mjs';
import { inTerminal } from './terminal.mjs';

const flows = {
  gated: {
    steps: {
      first: { agent: 'manager', task: 'pause1s:first' },
      gate: { needs: ['first'], approve: { title: 'Release?', expires: '1h' } },
      last: { needs: ['gate'], agent: 'manager', task: 'echo:last' },
    },
    output: { said: '${{ steps.last.output }}' },
  },
};

const waits = (company, id) => until('the run waits', async () => (await look(company, id)).state === 'waiting');
const approve = async (company) => {
  const [item] = (await company.api('GET', '/v1/inbox')).json.items;
  assert.equal((await company.hq('inbox', 'approve', item.id)).code, 0);
};
const runs = (watch) => watch.lines.filter(({ type }) => type === 'run').map((line) => line.run);

test('a document for each change, over a killed hub and a company that stops; then it ends', async (t) => {
  const company = await open(t, flows);
  const id = await start(company, 'gated');
  const json = new Following(t, company, 'flow', 'watch', id, '--json');
  const text = new Following(t, company, 'flow', 'watch', id.slice(0, 14));
  await until('both watch', () => runs(json).length && text.said.includes('first'));
  await company.reborn('hub', company.kill('hub'));
  await until('both see the gate', () => runs(json).at(-1).state === 'waiting' && /waiting for a person: g-/.test(text.said));
  await company.hq('down');
  await until('both miss the hub', () => [json, text].every((one) => one.said.includes('the hub is away; trying again\n')));
  await company.up();
  await approve(company);
  assert.deepEqual([await json.ended(), await text.ended()], [0, 0], json.said + text.said);

  const seen = runs(json), documents = seen.map((one) => JSON.stringify(one));
  assert.deepEqual(seen.at(-1), await look(company, id));
  assert.equal(seen.at(-1).state, 'done');
  documents.forEach((one, i) => assert.notEqual(one, documents[i - 1], 'each says something new'));
  assert.ok(seen.every((one, i) => i === 0 || one.decided >= seen[i - 1].decided));
  assert.deepEqual(json.lines.filter(({ type }) => type !== 'run'), [], 'a restart is no gap');
  for (const step of ['first', 'last']) assert.equal(text.said.match(new RegExp(` ${step} .* done$`, 'gm'))?.length, 1, text.said);
  assert.equal(text.said.match(/waiting for a person/g).length, 1, text.said);
  assert.equal(text.text, '{\n  "said": "echo last"\n}\n');

  const late = new Following(t, company, 'flow', 'watch', id, '--json');
  assert.deepEqual([await late.ended(), runs(late).length], [0, 1]);
});

test('a pause of what is watched is told, and its end', async (t) => {
  const company = await open(t, flows);
  const id = await start(company, 'gated');
  const text = new Following(t, company, 'flow', 'watch', id), json = new Following(t, company, 'flow', 'watch', id, '--json');
  await waits(company, id);
  assert.equal((await company.hq('pause', '--reason', 'lunch')).code, 0);
  await until('it is told', () => /paused by \S+ since \S+ \(lunch\); go on: hq -C \S+ resume/.test(text.said) && runs(json).at(-1).paused);
  assert.equal((await company.hq('resume')).code, 0);
  await until('so is its end', () => text.said.includes('no longer paused\n') && !runs(json).at(-1).paused);
  await approve(company);
  assert.deepEqual([await text.ended(), await json.ended()], [0, 0]);
});

test('Ctrl-C 130, --timeout 124 or 6, an unknown run 2, a failed run 1', async (t) => {
  const company = await open(t, { ...flows, endless: { steps: { a: { agent: 'manager', task: 'forever' } } } });
  const id = await start(company, 'endless');
  for (const args of [[], ['--json']]) {
    const watch = new Following(t, company, 'flow', 'watch', id, ...args);
    await until('it watches', () => runs(watch).length || watch.said.includes('works'));
    assert.equal(await watch.interrupt(), 130);
    assert.match(watch.said, /the run goes on; come back with: hq -C \S+ flow watch r-/);
    assert.equal((await company.hq('flow', 'watch', id, '--timeout', '0s', ...args)).code, 124);
    assert.equal((await company.hq('flow', 'watch', 'r-00000', ...args)).code, 2);
  }
  const ends = new Following(t, company, 'flow', 'watch', id, '--json');
  await until('it watches', () => runs(ends).length);
  assert.equal((await company.hq('flow', 'cancel', id)).code, 0);
  assert.equal(await ends.ended(), 1);
  assert.equal(runs(ends).at(-1).state, 'cancelled');

  const gated = await start(company, 'gated');
  await waits(company, gated);
  assert.equal((await company.hq('flow', 'watch', gated, '--json', '--timeout', '100ms')).code, 6);
  const screen = await inTerminal(`${binary} -C ${company.dir} flow watch ${gated}`, [['hq inbox show g-', ''], [/\u001b\[\d+A/, '\u0003']]);
  assert.equal(screen.code, 130, screen.out);
  await company.cancelAll();
});

test('the ledger is another under a watcher, behind a restore: it says so, and goes on with what is there', async (t) => {
  const company = await open(t, flows);
  const id = await start(company, 'gated');
  await waits(company, id);
  const file = join(company.dir, 'early.hqb.tar');
  assert.equal((await company.hq('backup', 'create', '-o', file)).code, 0);
  const watch = new Following(t, company, 'flow', 'watch', id, '--json'), text = new Following(t, company, 'flow', 'watch', id);
  await until('both watch', () => runs(watch).length && text.said.includes('waiting for a person'));
  await company.hq('down');
  const place = `${company.dir}-early`;
  t.after(() => rmSync(place, { recursive: true, force: true }));
  const restored = await run(binary, ['backup', 'restore', file, '--to', place]);
  assert.equal(restored.code, 0, restored.stderr);
  rmSync(join(company.dir, 'state'), { recursive: true });
  renameSync(join(place, 'state'), join(company.dir, 'state'));
  await company.up();
  await until('both say so', () => watch.lines.some(({ type, why }) => type === 'gap' && why === 'other_ledger')
    && /^-- gap: the cursor is of another ledger/m.test(text.said));
  await approve(company);
  assert.deepEqual([await watch.ended(), await text.ended()], [0, 0], watch.said + text.said);
  assert.equal(watch.lines.filter(({ type }) => type === 'gap').length, 1);
});
