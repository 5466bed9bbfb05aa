// What is measured: the servers and the tests. A server belongs to one family and runs the tests of it.
//
// A test names the arguments of bench-load. `measure` is the figure that is compared: cpu_us (server CPU per
// operation) or rss_bytes. `clients` is lowered by --quick and by a small limit of descriptors.

const chat = [
  '--event-join', 'chat:join', '--event-ready', 'chat:history', '--event-say', 'chat:message',
  '--event-heard', 'chat:new_message', '--room-key', 'roomId',
];

// The path of a message is measured, not its refusal: the generator is one address with thousands of clients.
const unlimited = {
  RATE_SOCKET: '0', RATE_USER: '0', RATE_ADDRESS: '0', RATE_EVENTS: 'none=0/1', MAX_CONNECTIONS_PER_ADDRESS: '0',
};

// As without --demo: in a demo everybody hears of everybody's coming and going, 20,000 more deliveries a second for as long as
// the news of all clients last, which no other side sends and nobody counts.
const quiet = { PRESENCE_AUDIENCE: 'followers' };

export const jwtSecret = 'bench-secret-of-thirty-two-bytes!';

// `nodes` servers make a cluster: clients go to them in turn, and Redis' CPU is counted in.
// `dir` is a fresh directory on the disk for each run, `build` the build directory, `here` is bench/.
export const servers = {
  node: {
    family: 'plain', title: 'socket.io on Node',
    command: ({ here }) => ['node', `${here}/peers/node-echo.js`],
  },
  ws: {
    family: 'plain', title: '`ws` alone on Node', optional: true,
    command: ({ here }) => ['node', `${here}/peers/ws-echo.js`],
  },
  libsio: {
    family: 'plain', title: 'libsio, one loop',
    command: ({ build }) => [`${build}/examples/bench-server`],
    env: () => ({ LOOPS: '1' }),
  },
  limit: {
    family: 'plain', title: 'system calls alone, one write a turn',
    command: ({ build }) => [`${build}/bench/bench-limit`],
  },
  'limit-write': {
    family: 'plain', title: 'system calls alone, one write a frame', optional: true,
    command: ({ build }) => [`${build}/bench/bench-limit`, '--write'],
  },
  'node-chat': {
    family: 'chat', title: 'the same chat on Node: socket.io, JWT, SQLite FULL',
    command: ({ here }) => ['node', `${here}/peers/node-mission.js`],
    env: ({ dir }) => ({ JWT_SECRET: jwtSecret, DATABASE: `${dir}/node.db` }),
  },
  'node-chat-redis': {
    family: 'chat', title: 'node-chat with the Redis adapter and presence keys', optional: true, redis: true,
    command: ({ here }) => ['node', `${here}/peers/node-mission.js`],
    env: ({ dir, redis }) => ({ JWT_SECRET: jwtSecret, DATABASE: `${dir}/node.db`, REDIS_URL: redis }),
  },
  partyline: {
    family: 'chat', title: 'partyline, one loop, SQLite FULL, rooms open to all (demo mode)',
    command: ({ build }) => [`${build}/partyline`, 'serve', '--demo'],
    env: ({ dir }) => ({
      JWT_SECRET: jwtSecret, HOST: '127.0.0.1', LOOPS: '1', LOG_LEVEL: 'warn',
      DATABASE_URL: `sqlite:${dir}/partyline.db`, ...unlimited, ...quiet,
    }),
  },
  'node-two': {
    family: 'cluster', title: 'two of socket.io on Node with @socket.io/redis-adapter, and Redis', redis: true, nodes: 2,
    command: ({ here }) => ['node', `${here}/peers/node-echo.js`],
    env: ({ redis }) => ({ REDIS_URL: redis }),
  },
  'libsio-two': {
    family: 'cluster', title: 'two of libsio, one loop each, and Redis', redis: true, nodes: 2,
    command: ({ build }) => [`${build}/examples/bench-server`],
    env: ({ redis }) => ({ LOOPS: '1', REDIS_URL: redis }),
  },
  'node-chat-two': {
    family: 'chat-cluster', title: 'two of node-chat with the Redis adapter and presence keys, one SQLite file, and Redis',
    redis: true, nodes: 2,
    command: ({ here }) => ['node', `${here}/peers/node-mission.js`],
    env: ({ dir, redis }) => ({ JWT_SECRET: jwtSecret, DATABASE: `${dir}/node.db`, REDIS_URL: redis }),
  },
  'partyline-two': {
    family: 'chat-cluster', title: 'two of partyline, one loop each, one SQLite file, and Redis', redis: true, nodes: 2,
    command: ({ build }) => [`${build}/partyline`, 'serve', '--demo'],
    env: ({ dir, redis }) => ({
      JWT_SECRET: jwtSecret, HOST: '127.0.0.1', LOOPS: '1', LOG_LEVEL: 'warn', REDIS_URL: redis,
      DATABASE_URL: `sqlite:${dir}/partyline.db`, ...unlimited, ...quiet,
    }),
  },
  'limit-chat': {
    family: 'chat', title: 'system calls alone, one fdatasync a turn',
    command: ({ build, dir }) => [`${build}/bench/bench-limit`, '--log', `${dir}/log`],
  },
};

// The sides of a comparison in each family: theirs, ours, the floor when there is one.
export const sides = {
  plain: { title: 'Echo and rooms', theirs: 'node', ours: 'libsio', floor: 'limit' },
  chat: {
    title: 'Chat, every message durable before it is heard', theirs: 'node-chat', ours: 'partyline', floor: 'limit-chat',
  },
  cluster: { title: 'Two servers and Redis: rooms', theirs: 'node-two', ours: 'libsio-two' },
  'chat-cluster': { title: 'Two servers and Redis: chat', theirs: 'node-chat-two', ours: 'partyline-two' },
};

const cpu = { measure: 'cpu_us' };

export const tests = [
  { name: 'connect', family: 'plain', ...cpu, title: 'connect', clients: 15000, args: ['--mode', 'connect'] },
  { name: 'churn', family: 'plain', ...cpu, title: 'connect and leave', clients: 100, args: ['--mode', 'churn'] },
  {
    name: 'idle', family: 'plain', measure: 'rss_bytes', title: 'idle connection', clients: 15000,
    args: ['--mode', 'idle'],
  },
  {
    name: 'echo', family: 'plain', ...cpu, title: 'echo with ack, 100 clients', clients: 100,
    args: ['--mode', 'echo'],
  },
  {
    name: 'echo-paced', family: 'plain', ...cpu, title: 'echo, 10,000/s over 1000 clients', clients: 1000,
    args: ['--mode', 'echo', '--rate', '10000'],
  },
  {
    name: 'echo-16', family: 'plain', ...cpu, title: 'echo, 100 clients × 16 outstanding', clients: 100,
    args: ['--mode', 'echo', '--outstanding', '16'],
  },
  {
    name: 'fanout-100', family: 'plain', ...cpu, title: 'fan-out to 100, 4 in flight', clients: 100,
    args: ['--mode', 'fanout', '--outstanding', '4'],
  },
  {
    name: 'fanout-1000', family: 'plain', ...cpu, title: 'fan-out to 1000, 4 in flight', clients: 1000,
    args: ['--mode', 'fanout', '--outstanding', '4'],
  },
  {
    name: 'fanout-1000-16', family: 'plain', ...cpu, title: 'fan-out to 1000, 16 in flight', clients: 1000,
    args: ['--mode', 'fanout', '--outstanding', '16'],
  },
  {
    name: 'fanout-10000', family: 'plain', ...cpu, title: 'fan-out to 10,000, 2 in flight', clients: 10000,
    args: ['--mode', 'fanout', '--outstanding', '2'],
  },
  {
    name: 'fanout-paced', family: 'plain', ...cpu, title: 'fan-out 50 messages/s to 1000', clients: 1000,
    args: ['--mode', 'fanout', '--rate', '50'],
  },
  {
    name: 'chat-connect', family: 'chat', ...cpu, title: 'connect with JWT', clients: 15000,
    args: ['--mode', 'connect'],
  },
  {
    name: 'chat-churn', family: 'chat', ...cpu, title: 'connect and leave with JWT', clients: 100,
    args: ['--mode', 'churn'],
  },
  {
    name: 'chat-idle', family: 'chat', measure: 'rss_bytes', title: 'idle connection with JWT', clients: 15000,
    args: ['--mode', 'idle'],
  },
  {
    name: 'chat-100', family: 'chat', ...cpu, title: 'chat, rooms of 100, 32 in flight', clients: 1000,
    args: ['--mode', 'chat', '--room-size', '100', '--outstanding', '32', ...chat],
  },
  {
    name: 'chat-10', family: 'chat', ...cpu, title: 'chat, rooms of 10, 32 in flight', clients: 1000,
    args: ['--mode', 'chat', '--room-size', '10', '--outstanding', '32', ...chat],
  },
  {
    name: 'chat-paced', family: 'chat', ...cpu, title: 'chat at 300 messages/s, rooms of 100', clients: 1000,
    args: ['--mode', 'chat', '--room-size', '100', '--rate', '300', ...chat],
  },
  {
    name: 'cluster-100', family: 'cluster', ...cpu, title: 'fan-out to 100, half on each server, 4 in flight', clients: 100,
    args: ['--mode', 'fanout', '--outstanding', '4'],
  },
  {
    name: 'cluster-1000', family: 'cluster', ...cpu, title: 'fan-out to 1000, half on each server, 4 in flight', clients: 1000,
    args: ['--mode', 'fanout', '--outstanding', '4'],
  },
  {
    name: 'cluster-paced', family: 'cluster', ...cpu, title: 'fan-out 50 messages/s to 1000, half on each server', clients: 1000,
    args: ['--mode', 'fanout', '--rate', '50'],
  },
  {
    name: 'cluster-chat', family: 'chat-cluster', ...cpu, title: 'chat, rooms of 100, half on each server, 32 in flight',
    clients: 1000, args: ['--mode', 'chat', '--room-size', '100', '--outstanding', '32', ...chat],
  },
  {
    name: 'cluster-chat-paced', family: 'chat-cluster', ...cpu, title: 'chat at 150 messages/s, rooms of 100, half on each server',
    clients: 1000, args: ['--mode', 'chat', '--room-size', '100', '--rate', '150', ...chat],
  },
];
