// A full disk: new work is refused by name, what runs ends, and room heals it without a restart.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Company, until } from './company.mjs';

// A small file system of our own; only root can mount one, and not in every container.
function smallDisk(t, path) {
  mkdirSync(path);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'hq-story', path]).status === 0;
  if (!mounted) t.skip('no small file system can be mounted here');
  return mounted;
}

test('a disk that fills up', async (t) => {
  const company = await Company.open(null, { up: false });
  const state = join(company.dir, 'state');
  if (!smallDisk(t, state)) return company.close();
  try {
    await company.up();
    const before = await company.post('manager', { message: 'echo:before' });
    assert.equal(before.status, 202);
    const running = await company.post('manager', { message: 'pause1s:running' });
    await until('a turn runs', async () => (await company.task(running.json.runId)).task.state === 'working');

    const ballast = join(state, 'ballast');
    const fill = () => {
      for (let i = 0, size = 1 << 20; size >= 4096; i++) {
        try {
          writeFileSync(`${ballast}${i}`, Buffer.alloc(size));
        } catch {
          size >>= 1;
        }
      }
    };
    fill();
    const refused = await until('new work is refused', async () => {
      const answer = await company.post('manager', { message: 'echo:no-room' });
      return answer.status === 503 && answer;
    });
    assert.ok(Number(refused.headers['retry-after']) >= 1);
    await until('what ran has ended', async () => (await company.task(running.json.runId)).task.state === 'done');
    const hub = company.pid('hub');

    for (let i = 0; i < 200; i++) rmSync(`${ballast}${i}`, { force: true });
    const accepted = await until('there is room again', async () => {
      const answer = await company.post('manager', { message: 'echo:room' });
      return answer.status === 202 && answer;
    });
    assert.equal((await company.result('manager', accepted.json.runId)).json.result.result, 'echo room');
    assert.equal(company.pid('hub'), hub, 'without a restart');
    await company.check();
    await company.hq('down');
  } finally {
    await company.hq('down');
    spawnSync('umount', ['-l', state]);
    await company.close();
  }
});
