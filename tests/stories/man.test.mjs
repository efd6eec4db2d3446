// Manual pages come from the tables of commands and keys, whole and in a form that readers accept.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, run } from './company.mjs';

const names = async () => (await run(binary, ['help', '--man'])).stdout.trim().split('\n');
const page = async (name) => {
  const { code, stdout } = await run(binary, ['help', '--man', name], { env: { SOURCE_DATE_EPOCH: '1700000000' } });
  assert.equal(code, 0, name);
  return stdout;
};
const bare = (text) => text.replaceAll('\\-', '-').replaceAll('\\&', '');

test('every command with its options, and every key, is on one page', async () => {
  const table = (await run(binary, ['help', '--json'])).json;
  const pages = new Map();
  for (const name of await names()) pages.set(name, bare(await page(name)));
  for (const { name, is_link: link, options } of table.items) {
    const text = pages.get(name.includes(' ') ? `hq-${name.split(' ')[0]}.1` : 'hq.1');
    assert.ok(text?.includes(`\n.Ss ${link ? '' : 'hq '}${name}\n`), name);
    for (const option of options) assert.ok(text.includes(`Fl -${option.name}`), `${name} --${option.name}`);
  }
  const keys = (await run(binary, ['config', 'explain', '--json'])).json.items;
  assert.ok(keys.length > 30);
  for (const { key } of keys) assert.ok(pages.get('hq.yaml.5').includes(`.It ${key}\n`), key);
  assert.match(pages.get('hq-flow.5'), /\.It steps\.\*\.approve\n/);
});

test('pages have their sections, a date of their own, and examples', async () => {
  for (const name of await names()) {
    const text = await page(name);
    assert.match(text, /^\.Dd November 14, 2023$/m, name);
    const sections = name.endsWith('.1') ? ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'ENVIRONMENT', 'FILES', 'EXIT STATUS', 'EXAMPLES', 'SEE ALSO'] : ['NAME', 'DESCRIPTION', 'FILES', 'EXAMPLES', 'SEE ALSO'];
    assert.deepEqual([...text.matchAll(/^\.Sh (.*)$/gm)].map(([, title]) => title), sections, name);
    assert.match(text, /\.Sh EXAMPLES\n\.Bd -literal\n[^.]/, `${name}: no example`);
    for (const [, to, section] of text.matchAll(/^\.Xr (\S+) (\d)/gm)) assert.ok((await names()).includes(`${to}.${section}`), `${name}: ${to}(${section})`);
  }
});

test('mandoc has nothing to complain about', { skip: spawnSync('mandoc', ['-T', 'ascii', '/dev/null']).error && 'no mandoc here' }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'hq-man-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  for (const name of await names()) {
    writeFileSync(join(dir, name), await page(name));
    const { stdout } = await run('mandoc', ['-T', 'lint', '-W', 'warning', join(dir, name)]);
    assert.equal(stdout, '', name);
  }
});

test('a page that is not there is exit 2 with the one that was meant', async () => {
  const { code, stderr } = await run(binary, ['help', '--man', 'hq-tsk.1']);
  assert.equal(code, 2);
  assert.match(stderr, /Did you mean "hq help --man hq-task\.1"\?/);
});
