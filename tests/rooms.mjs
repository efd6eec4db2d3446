// The house's own rules, read from the source: who includes whom (src/rooms.txt), which room owns a
// library, no circles, no file over 600 lines, no function over 60, a first comment in every file.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..');
const FILE_LINES = 600;
const FUNCTION_LINES = 60;
const LIBRARIES = {
  'microhttpd.h': ['net'], 'curl/curl.h': ['net'], 'yaml.h': ['config'], 'sqlite3.h': ['ledger'],
  'seccomp.h': ['sys'], 'linux/landlock.h': ['sys'], 'linux/seccomp.h': ['sys'],
};

const failures = [];
let checks = 0;
function check(ok, sentence) {
  checks++;
  if (!ok) failures.push(sentence);
}

function readRooms() {
  const allowed = new Map();
  for (const line of readFileSync(join(root, 'src/rooms.txt'), 'utf8').split('\n')) {
    if (!line || line.startsWith('#')) continue;
    const [name, others] = line.split(':');
    const list = others.trim().split(' ').filter(Boolean);
    for (const other of list)
      check(allowed.has(other) || laterRooms.has(other), `rooms.txt: ${name} names ${other}, which is no room`);
    allowed.set(name, list);
  }
  return allowed;
}

const laterRooms = new Set(readdirSync(join(root, 'src'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory()).map((entry) => entry.name));
const rooms = readRooms();

// A circle is found by walking down: a name met again on the way is one.
function circleIn(graph) {
  const done = new Set();
  function walk(name, way) {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name];
    if (done.has(name)) return null;
    for (const next of graph.get(name) ?? []) {
      const found = walk(next, [...way, name]);
      if (found) return found;
    }
    done.add(name);
    return null;
  }
  for (const name of graph.keys()) {
    const found = walk(name, []);
    if (found) return found;
  }
  return null;
}

// Blanks out comments, strings and character constants, keeping every line where it is.
function bare(text) {
  return text.replace(/\/\*[^]*?\*\/|\/\/[^\n]*|"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'/g,
    (part) => part.replace(/[^\n]/g, ' '));
}

// Functions as [name, first line, lines]: at the outermost level, a brace behind a closing
// parenthesis opens a body. The signature's lines count.
function functionsOf(text) {
  const code = bare(text).replace(/^[ \t]*#(?:[^\n]*\\\n)*[^\n]*/gm, (part) => part.replace(/[^\n]/g, ' '));
  const found = [];
  let depth = 0, declaration = 0, body = -1;
  for (let i = 0; i < code.length; i++) {
    const c = code[i];
    if (c === '{') {
      if (depth++ === 0) body = /\)\s*$/.test(code.slice(declaration, i)) ? declaration : -1;
    } else if (c === '}') {
      depth--;
      if (depth === 0 && body >= 0) {
        const start = body + code.slice(body).search(/\S/);
        const head = code.slice(start, i);
        found.push({
          name: /(\w+)\s*\(/.exec(head)?.[1] ?? '?',
          line: code.slice(0, start).split('\n').length,
          lines: head.split('\n').length,
        });
      }
      if (depth === 0) declaration = i + 1;
    } else if (c === ';' && depth === 0) {
      declaration = i + 1;
    }
  }
  return found;
}

function checkInclude(room, path, file) {
  const name = /^\s*#\s*include\s*["<]([^">]+)[">]/.exec(path)?.[1];
  if (!name) return null;
  if (LIBRARIES[name]) check(LIBRARIES[name].includes(room), `${file}: <${name}> belongs to ${LIBRARIES[name].join(', ')}`);
  if (!path.includes('"')) return null;
  const other = name.split('/')[0];
  if (!name.includes('/')) {
    check(false, `${file}: "${name}" must be written "room/file.h"`);
    return null;
  }
  check(other === room || rooms.get(room)?.includes(other), `${file}: ${room} may not include ${other} ("${name}")`);
  return name;
}

const includes = new Map();
const roomGraph = new Map([...rooms].map(([name, others]) => [name, others]));
let functions = 0, longest = { lines: 0 };
const sources = [];
for (const room of laterRooms) {
  check(rooms.has(room), `src/${room} is not in rooms.txt`);
  for (const entry of readdirSync(join(root, 'src', room))) {
    if (/\.[ch]$/.test(entry)) sources.push({ room, file: `src/${room}/${entry}` });
  }
}
for (const kind of ['unit', 'fuzz']) {
  for (const entry of readdirSync(join(root, 'tests', kind)))
    if (entry.endsWith('.c')) sources.push({ room: null, file: `tests/${kind}/${entry}` });
}

for (const { room, file } of sources) {
  const text = readFileSync(join(root, file), 'utf8');
  const lines = text.split('\n').length - 1;
  check(lines <= FILE_LINES, `${file}: ${lines} lines (at most ${FILE_LINES})`);
  check(text.startsWith('/*'), `${file}: no first comment that says what the file is for`);
  for (const fn of functionsOf(text)) {
    functions++;
    if (fn.lines > longest.lines) longest = { ...fn, file };
    check(fn.lines <= FUNCTION_LINES, `${file}:${fn.line}: ${fn.name} has ${fn.lines} lines (at most ${FUNCTION_LINES})`);
  }
  if (!room) continue;
  check(!/^(util|utils|common|helpers?|types|misc)\./.test(basename(file)), `${file}: says nothing about its contents`);
  const uses = new Set();
  includes.set(`${room}/${basename(file)}`, uses);
  for (const line of text.split('\n')) {
    const name = checkInclude(room, line, file);
    if (name) uses.add(name);
  }
}

const roomCircle = circleIn(roomGraph);
check(!roomCircle, `rooms.txt: a circle ${roomCircle?.join(' → ')}`);
const fileCircle = circleIn(includes);
check(!fileCircle, `a circle of files ${fileCircle?.join(' → ')}`);

for (const sentence of failures) console.log(sentence);
console.log(`${sources.length} files, ${functions} functions, the longest ${longest.name} with ${longest.lines} lines (${longest.file})`);
console.log(`${checks - failures.length} passed, ${failures.length} failed`);
process.exitCode = failures.length ? 1 : 0;
