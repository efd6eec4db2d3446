// Reads a company's archive as docs/operations.md tells: a request that stands there twice counts once,
// the last whole one; what a death tore is passed over.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

function linesOf(company) {
  const dir = join(company.dir, 'state/archive');
  if (!existsSync(dir)) return [];
  return readdirSync(dir).filter((name) => name.endsWith('.jsonl')).sort()
    .flatMap((name) => readFileSync(join(dir, name), 'utf8').split('\n').filter(Boolean))
    .map((line) => {
      try {
        return JSON.parse(line);
      } catch {
        return { t: 'torn' };
      }
    });
}

// Requests that are there whole: id → its rows.
export function archived(company) {
  const lines = linesOf(company), roots = new Map();
  lines.forEach((line, i) => {
    if (line.t !== 'end') return;
    const rows = lines.slice(Math.max(0, i - line.rows), i);
    if (rows.length === line.rows && rows[0].t === 'root' && rows.every(({ root }) => root === line.root)) roots.set(line.root, rows);
  });
  return roots;
}

// The company's own streams: name → numbers of its events, each once, in order.
export function streamsOf(company) {
  const streams = new Map(), hashes = new Map();
  for (const { t, root, row } of linesOf(company)) {
    if (t !== 'event' || root) continue;
    const key = `${row.stream} ${row.seq}`;
    if (hashes.has(key) && hashes.get(key) !== row.hash) throw new Error(`${key} stands there twice, with two hashes`);
    if (!hashes.has(key)) streams.set(row.stream, [...(streams.get(row.stream) ?? []), row.seq]);
    hashes.set(key, row.hash);
  }
  return streams;
}
