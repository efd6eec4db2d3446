// A command as somebody at a terminal meets it, by script(1): `replies` are [cue, keys]; the keys are typed when the
// cue was seen.
import { spawn } from 'node:child_process';

import { DEADLINE } from './company.mjs';

export function inTerminal(command, replies, { env, columns = 80 } = {}) {
  return new Promise((done, fail) => {
    const child = spawn('script', ['-qefc', `stty cols ${columns}; exec ${command}`, '/dev/null'],
      { env: { ...process.env, LC_ALL: 'C.UTF-8', TERM: 'xterm', ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
    let out = '', from = 0;
    const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE);
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
      while (replies.length) {
        const found = replies[0][0].exec ? replies[0][0].exec(out.slice(from)) : { index: out.indexOf(replies[0][0], from) - from, 0: replies[0][0] };
        if (!found || found.index < 0) break;
        from += found.index + found[0].length;
        child.stdin.write(replies.shift()[1]);
      }
    });
    child.on('error', fail);
    child.on('close', (code) => {
      clearTimeout(timer);
      done({ code, out });
    });
  });
}
