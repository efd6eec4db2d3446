// What every crash scenario needs: an operator who insists, and starts the company again when nobody
// supervises it.
import { isAlive, processesOf, until } from '../stories/company.mjs';

export async function insist(company, what, action) {
  return until(what, async () => {
    if (!company.pid('supervisor')) await company.hq('up', '-d', '--wait', '--timeout', '4s');
    return action();
  });
}

export async function bringDown(company) {
  await until('everything down', async () => {
    await company.hq('down', { timeout: 30000 });
    return processesOf(company.dir).length === 0;
  });
}

// Again and again: a supervisor may start somebody between the look and the kill.
export async function killAll(company) {
  await until('nothing runs', () => {
    const left = processesOf(company.dir);
    for (const { pid } of left) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    return left.length === 0;
  });
}

export function terminal(state) {
  return ['done', 'failed', 'cancelled', 'timed_out'].includes(state);
}

export async function untilEnded(company, id) {
  await insist(company, `${id} ends`, async () => terminal((await company.api('GET', `/v1/tasks/${id}?wait_ms=2000`)).json.task?.state));
}
