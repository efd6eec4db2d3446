// Workflows for stories: written into a company's folder, started, looked at until they have ended.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { Company, until } from './company.mjs';

// `flows`: {name: object or text}; `files`: {path below the folder of workflows: text}.
export async function open(t, flows, { files = {}, change, ...options } = {}) {
  const company = await Company.open(t, { agents: 1, up: false, ...options, change: (config) => {
    config.runner = true;
    change?.(config);
  } });
  const put = (path, text) => {
    const full = join(company.dir, 'workflows', path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
  };
  for (const [name, flow] of Object.entries(flows)) {
    const path = name.includes('/') ? name : `${name}/workflow.yaml`;
    put(path, typeof flow === 'string' ? flow : JSON.stringify({ name: name.split('/')[0], ...flow }));
  }
  for (const [path, text] of Object.entries(files)) put(path, text);
  await company.up();
  return company;
}

let keys = 0;
export async function start(company, workflow, inputs = {}) {
  const answer = await company.api('POST', '/v1/runs', { workflow, inputs, key: `k${++keys}` });
  assert.equal(answer.status, 201, answer.text);
  return answer.json.run.id;
}

const terminal = ['done', 'failed', 'rejected', 'cancelled', 'timed_out'];
export const look = async (company, id) => (await company.api('GET', `/v1/runs/${id}`)).json.run;
export function ended(company, id) {
  return until(`run ${id} ends`, async () => {
    const run = await look(company, id).catch(() => null);
    return run && terminal.includes(run.state) && run;
  });
}
export const run = async (company, workflow, inputs) => ended(company, await start(company, workflow, inputs));
