// What is measured: sections of tests, and on which servers.
//
// A test names its mode and more arguments of bench-load. `measure` is the figure that is compared: cpu_us (server
// CPU per operation) or rss_bytes. `clients` and `beside` (connections that do nothing) are lowered by --quick and by
// a small limit of descriptors. A section that is made `once` is in the first round only.
import { chatSays } from './plan_servers.mjs';

export const sections = {
  plain: {
    title: 'Echo and rooms',
    servers: ['node', 'node-uws', 'uws', 'ws', 'libsio', 'partyline', 'limit', 'limit-write'],
    ratios: [['node', 'libsio'], ['node', 'partyline'], ['libsio', 'limit'], ['partyline', 'limit']],
    note: 'partyline has its own events: what is echoed is `presence:unsubscribe` with one name of 100 bytes, answered with'
      + ' `{ok: true}`; what is said is `chat:typing`, which all but the speaker hear as `chat:user_typing` (109 bytes). It'
      + ' has no row for 10,000: each who enters a room of chat is told to all in it, 50 million messages before the test.',
  },
  mission: {
    title: 'Chat, every message durable before it is heard',
    servers: ['node-chat', 'node-chat-redis', 'partyline-redis', 'partyline', 'limit-chat'],
    ratios: [['node-chat-redis', 'partyline-redis'], ['partyline', 'limit-chat']],
  },
  cluster: {
    title: 'Two servers and Redis: rooms', once: true, servers: ['node-two', 'libsio-two'],
    ratios: [['node-two', 'libsio-two']],
  },
  'chat-cluster': {
    title: 'Two servers and Redis: chat', once: true, servers: ['node-chat-two', 'partyline-two'],
    ratios: [['node-chat-two', 'partyline-two']],
  },
  idle: {
    title: 'Curve: connections that do nothing', once: true, curve: 'idle connections beside',
    servers: ['node', 'libsio', 'partyline'],
    note: 'Echo: 100 clients with one outstanding. Fan-out: to 100, 4 in flight.',
  },
  rooms: {
    title: 'Curve: rooms', once: true, curve: 'rooms', servers: ['node', 'libsio'],
    note: 'Rooms of 10 among 10,000 clients, who are in 1, 10 and 100 rooms each from 1,000 rooms on; in 100 rooms and in'
      + ' one the clients that are in none idle. All rooms are spoken to in turn, 16 messages in flight: with one'
      + ' room they all go to the same 10 clients and share writes.',
  },
  loops: {
    title: 'Curve: loops', once: true, curve: 'loops', servers: ['libsio', 'libsio-2-loops'],
    note: 'One loop has core 0 for itself. Of two loops the second shares core 1 with the load generator, which never'
      + ' sleeps: look at CPU per operation, not at throughput.',
  },
  storm: {
    title: 'Reconnect storm', once: true, storm: true, servers: ['node', 'libsio', 'partyline'],
    note: '15,000 clients, half of them in rooms of 10. All but 100 are dropped at once and come back, so many at a time;'
      + ' the 100 echo 1,000 times a second all the while. Latency is counted from when an echo was due. Memory is read 2 s'
      + ' after each change, with partyline 13 s after the last: it keeps who was there for PRESENCE_GRACE, 10 s.',
  },
};

const cpu = { measure: 'cpu_us' };
const plain = { section: 'plain', ...cpu };
const fanout = { ...plain, mode: 'fanout' };
const mission = { section: 'mission', ...cpu };
const chat = { ...mission, mode: 'chat', clients: 1000 };

const all = (list, without) => list.filter((name) => !without.includes(name));
const noWrites = all(sections.plain.servers, ['limit-write']);
const noJoins = all(sections.plain.servers, ['partyline']); // entering tells each who is there: 50 million messages
const withRedis = ['node-chat', 'node-chat-redis', 'partyline-redis'];
const chatArgs = (size, ...more) => ['--room-size', String(size), ...more, ...chatSays];

const plainTests = [
  { ...plain, name: 'connect', title: 'connect', mode: 'connect', clients: 15000, servers: noWrites },
  { ...plain, name: 'churn', title: 'connect and leave', mode: 'churn', clients: 100, servers: noWrites },
  {
    ...plain, name: 'idle', title: 'idle connection', mode: 'idle', measure: 'rss_bytes', clients: 15000,
    servers: noWrites,
  },
  { ...plain, name: 'echo', title: 'echo with ack, 100 clients', mode: 'echo', clients: 100 },
  {
    ...plain, name: 'echo-paced', title: 'echo, 10,000/s over 1000 clients', mode: 'echo', clients: 1000,
    args: ['--rate', '10000'], servers: noWrites,
  },
  {
    ...plain, name: 'echo-16', title: 'echo, 100 clients × 16 outstanding', mode: 'echo', clients: 100,
    args: ['--outstanding', '16'], servers: noWrites,
  },
  { ...fanout, name: 'fanout-100', title: 'fan-out to 100, 4 in flight', clients: 100, args: ['--outstanding', '4'] },
  { ...fanout, name: 'fanout-1000', title: 'fan-out to 1000, 4 in flight', clients: 1000, args: ['--outstanding', '4'] },
  {
    ...fanout, name: 'fanout-10000', title: 'fan-out to 10,000, 2 in flight', clients: 10000,
    args: ['--outstanding', '2'], servers: noJoins,
  },
  {
    ...fanout, name: 'fanout-1000-16', title: 'fan-out to 1000, 16 in flight', clients: 1000,
    args: ['--outstanding', '16'],
  },
  { ...fanout, name: 'fanout-paced', title: 'fan-out 50 messages/s to 1000', clients: 1000, args: ['--rate', '50'] },
];

const missionTests = [
  {
    ...mission, name: 'redis-connect', title: 'connect with JWT and presence in Redis', mode: 'connect', clients: 15000,
    servers: withRedis,
  },
  {
    ...mission, name: 'redis-churn', title: 'connect and leave, the same', mode: 'churn', clients: 100,
    servers: withRedis,
  },
  {
    ...mission, name: 'redis-idle', title: 'idle connection, the same', mode: 'idle', measure: 'rss_bytes',
    clients: 15000, servers: withRedis,
  },
  { ...chat, name: 'chat-100', title: 'chat, rooms of 100, 32 in flight', args: chatArgs(100, '--outstanding', '32') },
  { ...chat, name: 'chat-10', title: 'chat, rooms of 10, 32 in flight', args: chatArgs(10, '--outstanding', '32') },
  { ...chat, name: 'chat-paced', title: 'chat at 300 messages/s, rooms of 100', args: chatArgs(100, '--rate', '300') },
];

const half = 'half on each server';
const cluster = { section: 'cluster', mode: 'fanout', ...cpu };
const clusterTests = [
  {
    ...cluster, name: 'cluster-100', title: `fan-out to 100, ${half}, 4 in flight`, clients: 100,
    args: ['--outstanding', '4'],
  },
  {
    ...cluster, name: 'cluster-1000', title: `fan-out to 1000, ${half}, 4 in flight`, clients: 1000,
    args: ['--outstanding', '4'],
  },
  {
    ...cluster, name: 'cluster-paced', title: `fan-out 50 messages/s to 1000, ${half}`, clients: 1000,
    args: ['--rate', '50'],
  },
  {
    ...chat, section: 'chat-cluster', name: 'cluster-chat', title: `chat, rooms of 100, ${half}, 32 in flight`,
    args: chatArgs(100, '--outstanding', '32'),
  },
  {
    ...chat, section: 'chat-cluster', name: 'cluster-chat-paced', title: `chat at 150 messages/s, rooms of 100, ${half}`,
    args: chatArgs(100, '--rate', '150'),
  },
];

// On the curves `at` is the place and `line` what is drawn.
const idleTests = [1000, 2000, 5000, 10000, 15000, 18000].flatMap((beside) => {
  const ends = beside === 1000 || beside === 18000;
  const common = { section: 'idle', ...cpu, at: beside, beside, clients: 100 };
  return [
    {
      ...common, name: `idle-echo-${beside}`, line: 'echo', mode: 'echo',
      servers: ['libsio', ...(ends ? ['node', 'partyline'] : [])],
    },
    {
      ...common, name: `idle-fanout-${beside}`, line: 'fan-out', mode: 'fanout', args: ['--outstanding', '4'],
      servers: ['libsio', ...(ends ? ['node'] : [])],
    },
  ];
});

const roomTests = [[1, 10, 1], [100, 1000, 1], [1000, 10000, 1], [10000, 10000, 10], [100000, 10000, 100]]
  .map(([rooms, clients, joins]) => ({
    section: 'rooms', ...cpu, name: `rooms-${rooms}`, line: 'delivery', mode: 'fanout', at: rooms, clients,
    beside: 10000 - clients, args: ['--room-size', '10', '--joins', String(joins), '--outstanding', '16'],
    servers: ['libsio', ...([100, 10000].includes(rooms) ? ['node'] : [])],
  }));

const loopTests = [1, 2].flatMap((loops) => {
  const common = { section: 'loops', ...cpu, at: loops, servers: [loops === 1 ? 'libsio' : 'libsio-2-loops'] };
  return [
    { ...common, name: `loops-echo-${loops}`, line: 'echo, 100 clients', mode: 'echo', clients: 100 },
    {
      ...common, name: `loops-fanout-${loops}`, line: 'fan-out to 1000', mode: 'fanout', clients: 1000,
      args: ['--outstanding', '4'],
    },
  ];
});

const stormTests = [64, 1000].map((window) => ({
  section: 'storm', ...cpu, name: `storm-${window}`, title: `${window} at a time`, mode: 'storm', clients: 15000,
  args: ['--others', '100', '--rate', '1000', '--room-size', '10', '--window', String(window), '--settle-ms', '2200'],
}));

export const tests = [
  ...plainTests, ...missionTests, ...clusterTests, ...idleTests, ...roomTests, ...loopTests, ...stormTests,
].map((test) => ({ args: [], servers: sections[test.section].servers, ...test }));
