// The text exposition format 0.0.4, read by the letter: whatever a scraper could choke on throws.
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/, LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const NUMBER = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]Inf|NaN)$/i;

function parseLabels(text, line) {
  const labels = {};
  let rest = text;
  while (rest) {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)/.exec(rest);
    if (!match) throw new Error(`bad labels: ${line}`);
    const [whole, name, value] = match;
    if (!LABEL.test(name) || name.startsWith('__') || name in labels) throw new Error(`bad or repeated label ${name}: ${line}`);
    labels[name] = value.replace(/\\([\\"n])/g, (_, c) => (c === 'n' ? '\n' : c));
    rest = rest.slice(whole.length);
  }
  return labels;
}

function checkHistogram(family) {
  const buckets = family.samples.filter(({ name }) => name.endsWith('_bucket')).map(({ labels, value }) => [labels.le === '+Inf' ? Infinity : Number(labels.le), value]);
  const count = family.samples.find(({ name }) => name.endsWith('_count')), sum = family.samples.find(({ name }) => name.endsWith('_sum'));
  if (!count || !sum || buckets.at(-1)?.[0] !== Infinity || buckets.at(-1)[1] !== count.value) throw new Error(`histogram ${family.name} is not whole`);
  for (let i = 1; i < buckets.length; i++)
    if (!(buckets[i][0] > buckets[i - 1][0] && buckets[i][1] >= buckets[i - 1][1])) throw new Error(`histogram ${family.name} falls`);
}

// → Map name → {name, type, help, samples:[{name, labels, value}]}
export function parseExposition(text) {
  const families = new Map(), seen = new Set();
  let family;
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  for (const line of text.slice(0, -1).split('\n')) {
    const help = /^# HELP (\S+) (.+)$/.exec(line), type = /^# TYPE (\S+) (counter|gauge|histogram|summary|untyped)$/.exec(line);
    if (help) {
      if (!NAME.test(help[1]) || families.has(help[1])) throw new Error(`HELP twice or of no name: ${line}`);
      family = { name: help[1], help: help[2], samples: [] };
      families.set(help[1], family);
    } else if (type) {
      if (type[1] !== family?.name || family.type || family.samples.length) throw new Error(`TYPE out of place: ${line}`);
      family.type = type[2];
    } else {
      const sample = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (!sample || !NAME.test(sample[1]) || !NUMBER.test(sample[3])) throw new Error(`no sample: ${line}`);
      const base = family?.type === 'histogram' ? sample[1].replace(/_(bucket|sum|count)$/, '') : sample[1];
      if (base !== family?.name || !family.type) throw new Error(`outside its family: ${line}`);
      if (seen.has(line.slice(0, line.lastIndexOf(' ')))) throw new Error(`twice: ${line}`);
      seen.add(line.slice(0, line.lastIndexOf(' ')));
      const value = sample[3] === '+Inf' ? Infinity : Number(sample[3]);
      if (family.type === 'counter' && !(value >= 0)) throw new Error(`a counter below 0: ${line}`);
      if (family.type === 'counter' && !sample[1].endsWith('_total')) throw new Error(`a counter's name ends in _total: ${line}`);
      family.samples.push({ name: sample[1], labels: parseLabels(sample[2] ?? '', line), value });
    }
  }
  for (const each of families.values()) {
    if (!each.type) throw new Error(`${each.name} has no TYPE`);
    if (each.type === 'histogram') checkHistogram(each);
  }
  return families;
}

// The sum of a family's samples whose labels have these values.
export function sum(families, name, labels = {}) {
  const family = families.get(name.replace(/_(bucket|sum|count)$/, '')) ?? families.get(name);
  return (families.get(name) ?? family)?.samples
    .filter((sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((total, { value }) => total + value, 0);
}
