// The goals, next to what was measured.
//
// They come from a series of runs on another day (2026-11-23, the same kind of machine), and with them what the peers
// and the bare system calls did there. A machine of this kind is not always as fast: so besides the absolute figure,
// ours is compared with that of the bare system calls in the same run, and that with what the goal was to theirs.
import { divided, field, number, ratio, table, time } from './report_format.mjs';

const all = { node: 'node', uwsNode: 'node-uws', uws: 'uws' };

// base: what the peers took in that series. latency: goals of p50 and p99 in µs.
const plainGoals = [
  { test: 'connect', goal: 18, base: { node: 183, uwsNode: 81, uws: 11, limit: 12 } },
  { test: 'churn', goal: 28, base: { node: 178, uwsNode: 65, uws: 22, limit: 18.6 } },
  { test: 'idle', goal: 1000, base: { node: 12500, uwsNode: 7900, uws: 630, limit: 32 }, measure: 'rss_bytes' },
  { test: 'echo', goal: 4.1, base: { node: 12.5, uwsNode: 8.9, uws: 5.5, limit: 3.4 } },
  { test: 'echo-paced', goal: 11, base: { node: 33, uwsNode: 26, uws: 17, limit: 9.2 }, latency: [50, 250] },
  { test: 'echo-16', goal: 0.8, base: { limit: 0.30 } },
  { test: 'fanout-100', goal: 0.70, base: { node: 4.1, uwsNode: 0.77, uws: 0.65, limit: 2.16 }, limit: 'limit-write', fan: true },
  { test: 'fanout-1000', goal: 0.71, base: { node: 6.1, uwsNode: 0.90, uws: 0.71, limit: 0.68 }, fan: true },
  { test: 'fanout-10000', goal: 2.4, base: { node: 13.1, uwsNode: 3.1, uws: 2.4, limit: 2.05 }, fan: true },
  { test: 'fanout-1000-16', goal: 0.23, base: { limit: 0.18 }, fan: true },
  {
    test: 'fanout-paced', goal: 4.0, base: { node: 9.5, uwsNode: 4.9, uws: 4.4, limit: 3.5 }, latency: [2200, 4300],
    fan: true,
  },
];

const missionGoals = [
  { test: 'redis-connect', goal: 45, base: { node: 362, limit: 12 }, limitOf: ['connect', 'limit'] },
  { test: 'redis-churn', goal: 75, base: { node: 659, limit: 18.6 }, limitOf: ['churn', 'limit'] },
  { test: 'redis-idle', goal: 1400, base: { node: 17800, limit: 32 }, limitOf: ['idle', 'limit'], measure: 'rss_bytes' },
  { test: 'chat-100', goal: 3.4, base: { node: 12.5, limit: 2.93 }, messages: 2800 },
  { test: 'chat-10', goal: 4.2, base: { node: 30.8, limit: 3.3 }, share: 0.8 },
  { test: 'chat-paced', goal: 7, base: { node: 15.7, limit: 6.0 }, latency: [800, 2100] },
];

const measured = (facts, goal, server) => field(facts.runs, goal.test, server, goal.measure ?? 'cpu_us');

function floorOf(facts, goal, otherwise) {
  const [test, server] = goal.limitOf ?? [goal.test, goal.limit ?? otherwise];
  return field(facts.runs, test, server, goal.measure ?? 'cpu_us');
}

// By the figure itself, else by how far it is from the bare system calls; memory has no such measure.
function verdict(goal, value, floor) {
  const most = goal.goal / goal.base.limit;
  if (value === undefined) return '–';
  if (value <= goal.goal) return 'met';
  if (goal.measure !== 'rss_bytes' && divided(value, floor) <= most) return 'met as ratio';
  return `missed by ${Math.round((value / goal.goal - 1) * 100)} %`;
}

function latencyGoal(goal) {
  return goal.latency ? `; ${time(goal.latency[0])}/${time(goal.latency[1])}` : '';
}

// Whether p50 and p99 are within their goals; said only where they are not.
function latencyVerdict(facts, goal, server) {
  const over = ['p50_us', 'p99_us'].filter((key, i) => field(facts.runs, goal.test, server, key) > goal.latency?.[i]);
  return over.length ? `, ${over.map((key) => key.slice(0, 3)).join(' and ')} not` : '';
}

function latencyOf(facts, goal, server) {
  const get = (key) => field(facts.runs, goal.test, server, key);
  return goal.latency && get('p50_us') !== undefined ? `; ${time(get('p50_us'))}/${time(get('p99_us'))}` : '';
}

const titleOf = (facts, goal) => facts.tests.find((test) => test.name === goal.test)?.title;

// A peer that is not here: what it was to Node then, times what Node is now.
function peer(facts, goal, who) {
  const here = measured(facts, goal, all[who]);
  const node = measured(facts, goal, 'node');
  if (here !== undefined) return { value: here, text: number(here) };
  if (goal.base[who] === undefined || node === undefined) return { text: '–' };
  const value = node * (goal.base[who] / goal.base.node);
  return { value, text: `(${number(value)})` };
}

function cheaper(goal, ours, node, uws) {
  const against = goal.fan ? uws : node;
  if (against.value === undefined || ours === undefined) return '–';
  return ours <= against.value ? 'yes' : 'no';
}

function plainRow(facts, goal) {
  const values = ['partyline', 'libsio'].map((name) => measured(facts, goal, name));
  const [real, library] = values;
  const floor = floorOf(facts, goal, 'limit');
  const [node, uws] = ['uwsNode', 'uws'].map((who) => peer(facts, goal, who));
  return [
    titleOf(facts, goal), `${number(goal.goal)}${latencyGoal(goal)}`,
    `${number(real)}${latencyOf(facts, goal, 'partyline')}`, `${number(library)}${latencyOf(facts, goal, 'libsio')}`,
    number(floor), ratio(goal.goal, goal.base.limit), ratio(real, floor), ratio(library, floor),
    ...['partyline', 'libsio'].map((name, i) => verdict(goal, values[i], floor) + latencyVerdict(facts, goal, name)),
    node.text, uws.text,
    `${cheaper(goal, real, node, uws)}, ${cheaper(goal, library, node, uws)}`,
  ];
}

function plainTable(facts) {
  const rows = plainGoals.filter((goal) => titleOf(facts, goal)).map((goal) => plainRow(facts, goal));
  const head = ['µs (idle: bytes); p50/p99', 'goal', 'partyline', 'libsio', 'limit', 'goal ÷ limit then', 'partyline ÷ limit',
    'libsio ÷ limit', 'goal by partyline', 'goal by libsio', 'node+uws', 'uws', 'cheaper: partyline, libsio'];
  return rows.length ? [table(head, rows)] : [];
}

function throughput(facts, goal, server) {
  const get = (name) => field(facts.runs, goal.test, name, 'messages_per_second');
  const value = get(server);
  if (value === undefined || (!goal.messages && !goal.share)) return '';
  const ok = goal.messages ? value >= goal.messages : value >= goal.share * get('limit-chat');
  const share = goal.share ? `, ${Math.round(100 * (divided(value, get('limit-chat')) ?? 0))} % of the limit` : '';
  return `; ${number(value)}/s${share}${ok ? '' : ' (too few)'}`;
}

function missionRow(facts, goal) {
  const names = ['partyline-redis', 'partyline'];
  const floor = floorOf(facts, goal, 'limit-chat');
  const wish = goal.messages ? `; ${number(goal.messages)}/s` : goal.share ? `; ${goal.share * 100} % of the limit` : '';
  const cell = (name) => `${number(measured(facts, goal, name))}${throughput(facts, goal, name)}${latencyOf(facts, goal, name)}`;
  const node = measured(facts, goal, 'node-chat-redis');
  return [
    titleOf(facts, goal), `${number(goal.goal)}${wish}${latencyGoal(goal)}`, ...names.map(cell), number(floor),
    ratio(goal.goal, goal.base.limit), ...names.map((name) => ratio(measured(facts, goal, name), floor)),
    ...names.map((name) => verdict(goal, measured(facts, goal, name), floor) + latencyVerdict(facts, goal, name)), number(node),
    ratio(node, measured(facts, goal, names[0])),
  ];
}

function missionTable(facts) {
  const rows = missionGoals.filter((goal) => titleOf(facts, goal)).map((goal) => missionRow(facts, goal));
  const head = ['µs (idle: bytes); messages; p50/p99', 'goal', 'partyline-redis', 'partyline', 'limit', 'goal ÷ limit then',
    'partyline-redis ÷ limit', 'partyline ÷ limit', 'goal by partyline-redis', 'goal by partyline', 'node-chat-redis',
    'node-chat-redis ÷ partyline-redis'];
  return rows.length ? [table(head, rows)] : [];
}

const intro = `"Goal" and "goal ÷ limit then" are of the series that set the goals; all else is of this run. A goal is met, or met as
ratio when this machine is slower but the distance to the bare system calls (\`limit\`) is within that of the goal. In
fan-out to 100 the limit writes each frame by itself, as then.`;

const peersNote = `node+uws and uws in parentheses were not run: they are what these took relative to \`node\` in that series (published
ratios, the same kind of machine), times \`node\` of this run. uWebSockets.js is distributed from GitHub only; the npm
registry has no such package, what is called \`uws\` there is empty, \`uwebsockets.js\`, \`hyper-express\` and
\`uwebsockets-express\` fetch it from GitHub or leave it to the user, and \`eiows\` (another native engine for socket.io) needs
Node's own sources at build time. Where it can be installed the rows are measured (README.md). "Cheaper": than node+uws, in
fan-out not dearer than uws.`;

export function goals(facts) {
  const plain = plainTable(facts);
  const mission = missionTable(facts);
  return [
    ...(plain.length || mission.length ? ['## The goals', intro] : []),
    ...(plain.length ? ['### Transport', ...plain, peersNote] : []),
    ...(mission.length ? ['### Mission flow, durable', ...mission] : []),
  ];
}
