// hq bugreport: what helps is in it, and none of the secrets planted everywhere, in any spelling.
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Company, run } from './company.mjs';

const secrets = {
  file: 'pl4nted-in-a-secret-file+/=?&"x',
  config: 'sk-plantedInTheConfiguration0123456789',
  user: 'plantedUser:plantedPassword',
  query: 'plantedInAQuery',
  header: 'planted header value with spaces',
  environment: 'planted-in-the-environment',
  task: 'plantedInATask Tell nobody about merger 4711',
  password: 'planted.pass',
  webhook: 'plantedWebhookToken-Zz9',
};

function forms(secret) {
  const hex = Buffer.from(secret).toString('hex');
  const aligned = [0, 1, 2].map((n) => Buffer.from('x'.repeat(n) + secret).toString('base64').slice(n ? 4 : 0).replace(/.{0,4}$/, ''));
  return [secret, encodeURIComponent(secret), encodeURIComponent(secret).toLowerCase(), hex, hex.toUpperCase(), JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64'), Buffer.from(secret).toString('base64url'), ...aligned].filter((form) => form.length > 5);
}

function plant(company) {
  const lines = [
    `GET https://${secrets.user}@example.com/v1?key=${secrets.query} failed`,
    `Authorization: Bearer ${secrets.header}`,
    `the server said {"password": "${secrets.password}"}`,
    `post to https://hooks.example.com/services/${secrets.webhook} gave 500`,
    `key ${secrets.config}`,
    `env ${secrets.environment}`,
    ...forms(secrets.file).map((form) => `seen ${form}`),
    ...forms(secrets.environment).map((form) => `seen ${form}`),
    'a plain line that helps: gateway t-0123456789abcdefghjkmnpqrs worked 14 tokens: 5000',
  ];
  appendFileSync(join(company.dir, 'state/logs/manager.log'), lines.map((line) => `2026-11-22T15:04:05.123Z warn manager ${line}\n`).join(''));
}

async function unpack(company, path) {
  const to = join(company.dir, 'unpacked');
  mkdirSync(to);
  const tar = await run('tar', ['-xf', path, '-C', to]);
  assert.equal(tar.code, 0, tar.stderr);
  const [folder] = readdirSync(to);
  const read = (name) => readFileSync(join(to, folder, name), 'utf8');
  const files = readdirSync(join(to, folder), { recursive: true }).filter((name) => statSync(join(to, folder, name)).isFile());
  return { read, files, all: files.map((name) => read(name)).join('\n') };
}

test('a bundle helps and tells no secret', async (t) => {
  const company = await Company.open(t, {
    agents: 2, env: { MY_API_TOKEN: secrets.environment },
    change: (config) => {
      config.models.paid = { api: 'openai-chat', base_url: `http://127.0.0.1:9/v1`, api_key: { file: 'secrets/paid.key' } };
    },
  });
  writeFileSync(join(company.dir, 'secrets/paid.key'), `${secrets.file}\n`, { mode: 0o600 });
  writeFileSync(join(company.dir, 'hq.yaml'),
    `# old key: ${secrets.config}\n${readFileSync(join(company.dir, 'hq.yaml'), 'utf8')}`);
  const asked = (await company.api('POST', '/v1/tasks', { agent: 'manager', instruction: secrets.task, kind: 'chat', key: 'k', name: 'plantedName' })).json;
  assert.ok(asked.task, JSON.stringify(asked));
  await company.ended(asked.task.id);
  plant(company);

  const path = join(company.dir, 'report.tar');
  const dry = await company.hq('bugreport', '-o', path, '--dry-run');
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /logs\/manager\.log/);
  assert.ok(!existsSync(path));

  const made = await company.hq('bugreport', '-o', path, '--json');
  assert.equal(made.code, 0, made.stderr);
  assert.equal(made.json.schema_version, 1);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const { read, files, all } = await unpack(company, path);
  assert.deepEqual(files.toSorted(), made.json.items.map((item) => item.name).toSorted());
  for (const name of ['README', 'doctor.json', 'hq.yaml', 'machine.txt', 'status.json', 'tasks.json', 'runs.json', 'processes.json', 'files.txt', 'logs/hub.log'])
    assert.ok(files.includes(name), name);

  for (const [where, secret] of Object.entries(secrets))
    for (const form of forms(secret)) assert.ok(!all.includes(form), `${where}: "${form}" is in the bundle: ${line(all, form)}`);
  for (const text of ['plantedName', 'plantedUser', 'plantedPassword', 'merger 4711', company.token('operator'), company.token('manager.hooks')])
    assert.ok(!all.includes(text), `"${text}": ${line(all, text)}`);

  // And what helps is there.
  assert.match(read('logs/manager.log'), /a plain line that helps: gateway t-0123456789abcdefghjkmnpqrs worked 14 tokens: 5000/);
  assert.match(read('hq.yaml'), /"port":/);
  const tasks = JSON.parse(read('tasks.json'));
  assert.equal(tasks[0].state, 'done');
  assert.equal(tasks[0].id, asked.task.id);
  assert.equal(JSON.parse(read('status.json')).agents.length, 2);
  assert.ok(JSON.parse(read('doctor.json')).items.length > 20);

  const again = await company.hq('bugreport', '-o', path);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /File exists/);
});

function line(text, part) {
  return text.split('\n').find((one) => one.includes(part));
}

test('a bundle of a company that is down and broken', async (t) => {
  const company = await Company.open(t, { up: false });
  company.writeConfig(`company: [\npassword: ${secrets.password}\n`);
  const path = join(company.dir, 'report.tar');
  const made = await company.hq('bugreport', '-o', path);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /readable by you alone/);
  const { read, all } = await unpack(company, path);
  assert.ok(!all.includes(secrets.password));
  assert.equal(JSON.parse(read('doctor.json')).ok, false);
  assert.equal(JSON.parse(read('status.json')).state, 'not running');
});

test('where systemd keeps the company its journal is in the bundle, without secrets', async (t) => {
  const company = await Company.open(t, { up: false });
  const units = join(company.dir, 'xdg/systemd/user'), bin = join(company.dir, 'bin');
  mkdirSync(units, { recursive: true });
  mkdirSync(bin);
  writeFileSync(join(units, 'hq-story.target'), `# hq service, the company in ${company.dir}\n`);
  writeFileSync(join(bin, 'journalctl'), `#!/bin/sh\necho "$*"\necho 'Authorization: Bearer ${secrets.header}'\n`, { mode: 0o755 });
  const path = join(company.dir, 'report.tar');
  const env = { XDG_CONFIG_HOME: join(company.dir, 'xdg'), PATH: `${bin}:${process.env.PATH}` };
  const made = await company.hq('bugreport', '-o', path, '-n', '7', { env });
  assert.equal(made.code, 0, made.stderr);
  const { read } = await unpack(company, path);
  assert.match(read('logs/journal-user.txt'), /--lines=7 --user-unit=hq-story-\* --user-unit=hq-story@\*\nAuthorization: \[secret\]\n/);
});
