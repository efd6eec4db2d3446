// What `make install` and `make deb` bring: all of it, the same bytes twice, and gone again without a trace.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { binary, repository, run } from './company.mjs';

const script = (name) => join(repository, 'scripts', name);
const lacks = (command) => spawnSync(command, ['--version']).error && `no ${command} here`;
const plainLocale = { LC_ALL: 'C.UTF-8', SOURCE_DATE_EPOCH: '1700000000' };

function folder(t) {
  const dir = mkdtempSync(join(tmpdir(), 'hq-package-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function filesBelow(dir) {
  return readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory())
    .map((entry) => relative(dir, join(entry.path ?? entry.parentPath, entry.name))).sort();
}

test('install puts binary, manual, completions and documents below DESTDIR, and uninstall takes just those', async (t) => {
  const dir = folder(t);
  const env = { ...plainLocale, DESTDIR: dir, PREFIX: '/opt/hq' };
  const { code, stderr } = await run(script('install.sh'), ['install', dirname(binary)], { env });
  assert.equal(code, 0, stderr);
  const root = join(dir, 'opt/hq'), there = filesBelow(root);
  for (const path of ['bin/hq', 'share/man/man1/hq.1.gz', 'share/man/man1/hq-task.1.gz', 'share/man/man5/hq.yaml.5.gz', 'share/man/man5/hq-flow.5.gz',
    'share/bash-completion/completions/hq', 'share/zsh/site-functions/_hq', 'share/fish/vendor_completions.d/hq.fish',
    'share/doc/hq/LICENSE', 'share/doc/hq/README.md', 'share/doc/hq/SECURITY.md', 'share/doc/hq/docs/operations.md', 'share/doc/hq/examples/atomizer/hq.yaml'])
    assert.ok(there.includes(path), `${path} is not installed`);
  assert.deepEqual(there.filter((path) => /(^|\/)(state|secrets|instances|node_modules)\//.test(path)), []);
  assert.deepEqual(filesBelow(dir).filter((path) => !path.startsWith('opt/hq/')), [], 'something beside PREFIX');
  assert.equal(statSync(join(root, 'bin/hq')).mode & 0o7777, 0o755);
  assert.match(gunzipSync(readFileSync(join(root, 'share/man/man1/hq.1.gz'))).toString(), /^\.Dd November 14, 2023$/m);
  const version = await run(join(root, 'bin/hq'), ['version', '--json'], { env: { PATH: '/nonexistent' } });
  assert.match(version.json.version, /^\d+\.\d+\.\d+/);
  writeFileSync(join(root, 'share/man/man1/other.1'), '');
  assert.equal((await run(script('install.sh'), ['uninstall', dirname(binary)], { env })).code, 0);
  assert.deepEqual(filesBelow(dir), ['opt/hq/share/man/man1/other.1']);
});

test('what is not built is not installed', async (t) => {
  const dir = folder(t);
  const { code, stderr } = await run(script('install.sh'), ['install', dir], { env: { DESTDIR: join(dir, 'root') } });
  assert.equal(code, 2);
  assert.match(stderr, /not built: make/);
  assert.ok(!existsSync(join(dir, 'root')));
});

test('the Debian package: real dependencies, right sums, nothing that starts, the same bytes twice', { skip: lacks('dpkg-deb') }, async (t) => {
  const dir = folder(t), packed = [];
  for (const name of ['a', 'b']) {
    const { code, stderr } = await run(script('deb.sh'), [dirname(binary), join(dir, name)], { env: plainLocale, timeout: 120000 });
    assert.equal(code, 0, stderr);
    packed.push(join(dir, name, readdirSync(join(dir, name))[0]));
  }
  assert.ok(readFileSync(packed[0]).equals(readFileSync(packed[1])), 'two packages of the same source differ');
  const field = (name) => spawnSync('dpkg-deb', ['-f', packed[0], name], { encoding: 'utf8' }).stdout.trim();
  const [, named] = readFileSync(join(repository, 'meson.build'), 'utf8').match(/version : '([\d.]+)'/);
  assert.equal(field('Package'), 'hq');
  assert.equal(field('Version'), named);
  for (const library of ['libc6', 'libcurl4', 'libmicrohttpd12', 'libsqlite3-0', 'libseccomp2']) assert.match(field('Depends'), new RegExp(`\\b${library}`));
  const root = join(dir, 'root'), control = join(dir, 'control');
  assert.equal(spawnSync('dpkg-deb', ['-x', packed[0], root]).status, 0);
  assert.equal(spawnSync('dpkg-deb', ['-e', packed[0], control]).status, 0);
  assert.deepEqual(filesBelow(control), ['control', 'md5sums', 'postinst']);
  const sums = spawnSync('md5sum', ['-c', '--quiet', join(control, 'md5sums')], { cwd: root, encoding: 'utf8' });
  assert.equal(sums.status, 0, sums.stderr);
  const files = filesBelow(root);
  assert.equal(readFileSync(join(control, 'md5sums'), 'utf8').trim().split('\n').length, files.length);
  assert.deepEqual(files.filter((path) => /systemd|init\.d|cron|^etc\//.test(path)), [], 'something that could start');
  assert.equal((await run(join(root, 'usr/bin/hq'), ['version'])).stdout, `hq ${named}\n`);
  const hello = await run('sh', [join(control, 'postinst'), 'configure']);
  assert.match(hello.stdout, /^.*hq demo\n$/);
  assert.equal((await run('sh', [join(control, 'postinst'), 'configure', '0.0.9'])).stdout, '', 'an upgrade says nothing');
});
