// The company at work, as its owners wanted it: Manager asks Webster and NX Expert at once, Tech Lead
// asks Webster for one number more, the Auditor sends the draft back once, Manager puts it together.
// One set of rules, for the offline script model and for a provider over HTTP that counts.
import assert from 'node:assert/strict';

const delegate = (agent, instruction, more = {}) => ({ tool: 'delegate', with: { agent, instruction, ...more } });
const found = [{ name: 'found so far', text: '{{tool_result}}' }];

export const team = ['manager', 'tech-lead', 'auditor', 'nx-expert', 'webster'];

export const teamRules = [
  { when: { model: 'manager', user: '/study:([A-Za-z0-9]+)/', step: 0 }, say: 'Two of you at once.',
    call: [delegate('webster', 'Data for {{1}}, with sources.'), delegate('nx-expert', 'Geometry for {{1}}.')] },
  { when: { model: 'manager', user: '/study:([A-Za-z0-9]+)/', step: 1 }, say: 'Now the method.',
    call: [delegate('tech-lead', 'Frame {{1}}.', { data: found })] },
  { when: { model: 'manager', user: '/study:([A-Za-z0-9]+)/', step: 2 }, say: 'Now the check.',
    call: [delegate('auditor', 'Audit {{1}}, first draft.', { data: found })] },
  { when: { model: 'manager', user: '/study:([A-Za-z0-9]+)/', step: 3, contains: 'CONDITIONAL' }, say: 'Once more.',
    call: [delegate('tech-lead', 'Revise {{1}}: state the units.', { data: found })] },
  { when: { model: 'manager', user: '/study:([A-Za-z0-9]+)/', step: 4 }, say: 'And again the check.',
    call: [delegate('auditor', 'Audit {{1}}, revised.', { data: found })] },
  { when: { model: 'manager', user: '/study:([A-Za-z0-9]+)/', step: 5, contains: 'PASS' }, say: 'Done.',
    call: [{ tool: 'report', with: { status: 'complete', confidence: 'high', result: { study: '{{1}}', verdict: 'PASS', mass_kg: 1.62 }, notes: 'Density by Webster, units stated.' } }] },
  { when: { model: 'tech-lead', user: '/Frame ([A-Za-z0-9]+)/', step: 0 }, say: 'One number is missing.',
    call: [delegate('webster', 'Yield strength for {{1}}, in MPa.')] },
  { when: { model: 'tech-lead', user: '/Frame ([A-Za-z0-9]+)/', step: 1 }, say: 'Framed.',
    call: [{ tool: 'report', with: { status: 'complete', confidence: 'medium', result: 'Draft {{1}}: yield 276, mass 1.62.' } }] },
  { when: { model: 'tech-lead', user: '/Revise ([A-Za-z0-9]+)/' }, say: 'Draft {{1}}: yield 276 MPa, mass 1.62 kg.' },
  { when: { model: 'webster', user: '/Data for ([A-Za-z0-9]+)/' }, say: 'Density of {{1}}: 2.70 g/cm3 (handbook, 20 C).' },
  { when: { model: 'webster', user: '/Yield strength for ([A-Za-z0-9]+)/' }, say: 'Yield of {{1}}: 276 MPa (handbook, T6).' },
  { when: { model: 'nx-expert', user: '/Geometry for ([A-Za-z0-9]+)/' }, say: 'Volume of {{1}}: 600 cm3.' },
  { when: { model: 'auditor', user: '/Audit ([A-Za-z0-9]+), first draft/' }, say: 'CONDITIONAL for {{1}}: which units?' },
  { when: { model: 'auditor', user: '/Audit ([A-Za-z0-9]+), revised/' }, say: 'PASS for {{1}}.' },
  { say: 'no rule for: {{user}}' },
];

// Who may ask whom, as in the seed.
export function teamAuthority(config) {
  config.agents.manager.delegates = ['*'];
  config.agents['tech-lead'].delegates = ['*', '!manager'];
  for (const agent of Object.values(config.agents)) agent.tools = { allow: ['read', 'write', 'edit', 'exec', 'delegate'] };
}

// Whom a study makes work, in the order of the questions: [agent, what it is asked, by whom].
export const teamTasks = (tag) => [
  ['manager', `study:${tag}`, null],
  ['webster', `Data for ${tag}, with sources.`, 'manager'],
  ['nx-expert', `Geometry for ${tag}.`, 'manager'],
  ['tech-lead', `Frame ${tag}.`, 'manager'],
  ['webster', `Yield strength for ${tag}, in MPa.`, 'tech-lead'],
  ['auditor', `Audit ${tag}, first draft.`, 'manager'],
  ['tech-lead', `Revise ${tag}: state the units.`, 'manager'],
  ['auditor', `Audit ${tag}, revised.`, 'manager'],
];

// The finished tree: every handoff once, each by the agent that was asked, the result Manager's own.
export async function checkTeamwork(company, id, tag) {
  const { task, handoff } = await company.task(id);
  assert.equal(task.state, 'done', `${tag}: ${JSON.stringify({ task, handoff })}`);
  assert.deepEqual(handoff.result, { study: tag, verdict: 'PASS', mass_kg: 1.62 });
  assert.equal(handoff.status, 'complete');
  assert.equal(handoff.confidence, 'high');
  const { json } = await company.api('GET', `/v1/tasks/${id}/tree`);
  const seen = json.items.map((item) => [item.task.agent, item.task.instruction, item.task.caller]);
  const wanted = teamTasks(tag).map(([agent, text, by]) => [agent, text, by ? `agent:${by}` : task.caller]);
  assert.deepEqual(seen.map(String).sort(), wanted.map(String).sort());
  for (const { task: one, handoff: result } of json.items) {
    assert.equal(one.state, 'done', `${one.agent}: ${one.failure_message}`);
    assert.equal(one.root, id);
    assert.equal(result.agent, one.agent, 'only who was asked can have answered');
    assert.equal(result.run_id, `${one.id}/${one.fence}`);
  }
  return json;
}

// ---- the same rules behind an HTTP provider ----

const pattern = (text) => {
  const regex = /^\/(.*)\/(i?)$/s.exec(text);
  return regex ? new RegExp(regex[1], regex[2]) : new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'i');
};
const textOf = (content) => typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join('');

function fill(value, places) {
  if (typeof value === 'string') return value.replace(/\{\{(\w+)\}\}/g, (_, name) => places[name] ?? '');
  if (Array.isArray(value)) return value.map((one) => fill(one, places));
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, fill(one, places)]));
  return value;
}

// What the rules answer to one request of the Chat Completions API: { step, user, content, toolCalls? }.
export function answerByRules(rules, { model, messages }) {
  const at = messages.findLastIndex((message) => message.role === 'user');
  const user = textOf(messages[at].content);
  const since = messages.slice(at + 1);
  const step = since.filter((message) => message.role === 'assistant').length;
  const last = textOf(since.findLast((message) => message.role === 'tool')?.content);
  for (const { when = {}, say = '', call } of rules) {
    const match = when.user ? pattern(when.user).exec(user) : [];
    if (!match || (when.model && when.model !== model) || (when.step !== undefined && when.step !== step)) continue;
    if (when.contains && !pattern(when.contains).test(last)) continue;
    const places = { ...match, user, model, tool_result: last };
    const toolCalls = call?.map(({ tool, with: args = {} }, i) => ({ id: `call_${step}_${i}`, name: tool, arguments: JSON.stringify(fill(args, places)) }));
    return { step, user, content: fill(say, places), ...(toolCalls ? { toolCalls } : {}) };
  }
  throw new Error('no rule');
}
