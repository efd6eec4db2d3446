// Backups of a company at work: whole or not there, refused where they are damaged, and a company again.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { binary, Company, run, until } from './company.mjs';
import { Receiver, deliverTo, secretsOf } from './receiver.mjs';

const hq = (...args) => run(binary, args);

function backupsOf(company) {
  const dir = join(company.dir, 'backups');
  return existsSync(dir) ? readdirSync(dir) : [];
}

// A company at its own place, that is ended with the story.
function adopt(test, company, dir) {
  const other = Object.assign(new Company(), { dir, env: company.env, ports: company.ports, base: company.base, expectLoss: true });
  other.end = async () => {
    await run(binary, ['-C', dir, 'down']);
    rmSync(dir, { recursive: true, force: true });
  };
  test.after(other.end);
  return other;
}

test('a backup under load is whole, has all that was acknowledged, and becomes a company again', async (t) => {
  const company = await Company.open(t, { agents: 2 });
  const acknowledged = [];
  let stop = false, running;
  const load = async () => {
    for (let i = 0; !stop; i++) {
      const answer = await company.post(i % 2 ? 'manager' : 'tech-lead', { message: `echo:n${i}` })
        .catch(() => null);
      if (answer?.status === 202) acknowledged.push(answer.json.runId);
    }
  };
  running = load();
  await until('work is there', () => acknowledged.length > 30);
  symlinkSync('/etc/hostname', join(company.workspace('manager'), 'link'));
  const before = acknowledged.slice();
  const made = await company.hq('backup', 'create', '--json');
  stop = true;
  await running;
  assert.equal(made.code, 0, made.stdout + made.stderr);
  assert.ok(made.json.left_out.some((line) => line.includes('link: a symbolic link')), made.stdout);
  assert.equal(statSync(made.json.path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(company.dir, 'state')).filter((name) => name === 'copies'), []);

  const listed = execFileSync('tar', ['-tf', made.json.path], { encoding: 'utf8' });
  assert.match(listed, /^state\/ledger\.db$/m);
  assert.match(listed, /^workspaces\/manager\/SOUL\.md$/m);
  assert.doesNotMatch(listed, /secrets|backups/);
  const list = await company.hq('backup', 'list', '--json');
  assert.deepEqual(list.json.items.map((item) => [item.path, item.whole]), [[made.json.path, true]]);
  const verified = await hq('backup', 'verify', made.json.path, '--json');
  assert.equal(verified.code, 0, verified.stdout);
  assert.deepEqual(verified.json.findings, []);

  const exists = await hq('backup', 'restore', made.json.path, '--to', company.dir, '--json');
  assert.equal(exists.code, 2);
  assert.match(exists.json.error.message, /holds a company already/);

  await company.hq('down');
  const place = `${company.dir}-restored`;
  const other = adopt(t, company, place);
  const restored = await hq('backup', 'restore', made.json.path, '--to', place, '--json');
  assert.equal(restored.code, 0, restored.stdout + restored.stderr);
  assert.ok(restored.json.next.some((step) => step.includes('secrets/')));
  assert.equal((await other.hq('config', 'validate')).code, 0);
  await other.up();
  await other.check();
  for (const id of before) await other.task(id);
  await until('what was open is done', async () => (await other.api('GET', '/v1/tasks?state=working')).json.items.length === 0
    && (await other.api('GET', '/v1/tasks?state=queued')).json.items.length === 0);
  await other.check();
  assert.ok(existsSync(join(place, 'workspaces/manager/SOUL.md')));
  await other.end();
});

test('a hub that dies while it copies leaves no half backup', async (t) => {
  const crash = mkdtempSync(join(tmpdir(), 'hq-crash-'));
  t.after(() => rmSync(crash, { recursive: true, force: true }));
  const company = await Company.open(t, { agents: 1, env: { HQ_CRASH_DIR: crash, HQ_CRASH_AT: 'hub/ledger.copy.before#1' } });
  for (let i = 0; i < 20; i++) await company.ask('manager', `echo:n${i}`);
  const blob = Buffer.alloc(900 * 1024);
  for (let i = 0; i < 40; i++) {
    blob.writeUInt32LE(i);
    assert.equal((await company.api('PUT', '/v1/blobs', blob)).status, 201);
  }
  const pid = company.pid('hub');
  const made = await company.hq('backup', 'create', '--json');
  await company.reborn('hub', pid);
  const names = backupsOf(company);
  if (made.code === 0) {
    assert.equal((await hq('backup', 'verify', made.json.path)).code, 0);
    assert.equal(names.length, 1);
  } else {
    assert.deepEqual(names, []);
  }
  assert.ok(!existsSync(join(company.dir, 'state/copies')));
  const again = await company.hq('backup', 'create', '--json');
  assert.equal(again.code, 0, again.stdout);
  assert.equal((await hq('backup', 'verify', again.json.path)).code, 0);
});

test('backups within one second have names of their own', async (t) => {
  const company = await Company.open(t, { agents: 1 });
  const paths = [];
  for (let i = 0; i < 4; i++) {
    const { code, json, stdout } = await company.hq('backup', 'create', '--json');
    assert.equal(code, 0, stdout);
    paths.push(json.path);
  }
  assert.equal(new Set(paths).size, 4, paths.join(' '));
});

test('a stopped company is backed up as well; with secrets where asked; damage is named', async (t) => {
  const company = await Company.open(t, { agents: 1 });
  await company.ask('manager', 'echo:one');
  await company.hq('down');
  const plan = await company.hq('backup', 'create', '--dry-run');
  assert.equal(plan.code, 0, plan.stderr);
  assert.deepEqual(backupsOf(company), []);
  const file = join(company.dir, 'full.hqb.tar');
  const made = await company.hq('backup', 'create', '-o', file, '--with-secrets');
  assert.equal(made.code, 0, made.stderr);
  assert.equal(made.stdout.trim(), file);
  assert.match(made.stderr, /secrets are in it/);
  assert.match(execFileSync('tar', ['-tf', file], { encoding: 'utf8' }), /^secrets\/operator\.token$/m);
  const twice = await company.hq('backup', 'create', '-o', file);
  assert.equal(twice.code, 1);
  assert.match(twice.stderr, /never overwrites/);

  const place = `${company.dir}-again`;
  const other = adopt(t, company, place);
  assert.equal((await hq('backup', 'restore', file, '--to', place)).code, 0);
  assert.equal(other.token('operator'), company.token('operator'));

  const bytes = readFileSync(file);
  const at = bytes.indexOf('SQLite format 3') + 3000;
  bytes[at] ^= 4;
  const bad = join(company.dir, 'bad.hqb.tar');
  writeFileSync(bad, bytes);
  const verify = await hq('backup', 'verify', bad);
  assert.equal(verify.code, 1);
  assert.match(verify.stderr, /state\/ledger\.db differs in bytes 0-\d+ of the member, at \d+ of the file/);
  const refused = await hq('backup', 'restore', bad, '--to', `${place}-2`);
  assert.equal(refused.code, 1);
  assert.ok(!existsSync(join(`${place}-2`, 'hq.yaml')));
  bytes[at] ^= 4;
  writeFileSync(bad, bytes);
  truncateSync(bad, at);
  assert.match((await hq('backup', 'verify', bad)).stderr, /ends in the middle of state\/ledger\.db, at byte 3000 of \d+/);
  writeFileSync(bad, 'PK\x03\x04');
  assert.match((await hq('backup', 'verify', bad)).stderr, /is no backup of hq: it begins with PK\\x03\\x04/);
  appendFileSync(file, 'x');
  assert.match((await hq('backup', 'verify', file)).stderr, /stand behind its end/);
});

test('what was to be sent when the backup was made is not sent again by itself', async (t) => {
  const receiver = await Receiver.open(t, () => 503);
  const company = await Company.open(t, { agents: 1, change: deliverTo(receiver), env: secretsOf({ team: receiver }) });
  const { json: { runId } } = await company.post('manager', { message: 'echo:hello' });
  await until('it was tried', () => receiver.requests.length > 0);
  const made = await company.hq('backup', 'create', '--json', '--with-secrets');
  assert.equal(made.code, 0, made.stdout);
  await company.hq('down');
  const tried = receiver.requests.length;
  receiver.behave = () => 200;
  const place = `${company.dir}-restored`;
  const other = adopt(t, company, place);
  const restored = await hq('backup', 'restore', made.json.path, '--to', place, '--json');
  assert.equal(restored.code, 0, restored.stdout);
  assert.ok(restored.json.next.some((step) => step.includes('1 deliver')), restored.stdout);
  await other.up();
  const effect = (await other.task(runId)).effects[0];
  assert.match(effect.reason ?? '', /restored from a backup|sent/);
  const { json } = await other.api('GET', '/v1/inbox');
  assert.equal(json.items.length, 1);
  assert.equal(receiver.requests.length, tried);
  await other.check();
  await other.end();
});
