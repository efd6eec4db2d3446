// `hq …` that stays: its lines of JSON as they come, and what it says beside them.
import { spawn } from 'node:child_process';

import { binary, until } from './company.mjs';

export class Following {
  constructor(t, company, ...args) {
    Object.assign(this, { lines: [], text: '', said: '', rest: '', code: undefined });
    this.child = spawn(binary, ['-C', company.dir, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout.setEncoding('utf8').on('data', (text) => this.take(text));
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.said += text));
    this.child.on('close', (code) => (this.code = code));
    t.after(() => this.child.kill('SIGKILL'));
  }

  take(text) {
    this.text += text;
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop();
    for (const line of lines) this.lines.push(/^\{.*\}$/.test(line) ? JSON.parse(line) : line);
  }

  async ended() {
    await until('it has ended', () => this.code !== undefined);
    return this.code;
  }

  interrupt() {
    this.child.kill('SIGINT');
    return this.ended();
  }
}
