// The servers that are measured.
//
// `needs` names a package of peers/ without which a server is left out, `optional` means only when asked for by name.
// `nodes` servers make a cluster: clients go to them in turn. With `redis` there is one, whose CPU is counted in.
// `cores` are those of the server, 0 unless told. `says` are arguments of bench-load for a mode, where the server has
// event names of its own. `seeded` gets a copy of a database with users and rooms at `database`.
// In command and env, `dir` is a fresh directory on the disk for each run, `build` the build directory, `here` bench/.

export const jwtSecret = 'bench-secret-of-thirty-two-bytes!';
export const redisPackage = '@socket.io/redis-adapter';

// The generator is one machine with thousands of users, who say more than people do: the checks are made, none refuses.
const most = '1000000';
const highLimits = {
  RATE_SOCKET: most, RATE_SOCKET_BURST: most, RATE_USER: most, RATE_USER_BURST: most,
  RATE_ADDRESS: most, RATE_ADDRESS_BURST: most, MAX_CONNECTIONS_PER_ADDRESS: most,
  RATE_EVENTS: ['chat:message', 'chat:typing', 'chat:history', 'chat:sync', 'chat:unread', 'notifications:list']
    .map((name) => `${name}=${most}/${most}`).join(','),
};

const chatNames = ['--event-join', 'chat:join', '--event-ready', 'chat:history', '--room-key', 'roomId'];
export const chatSays = [...chatNames, '--event-say', 'chat:message', '--event-heard', 'chat:new_message'];
const asked = ['--form', 'partyline', '--event-echo', 'presence:unsubscribe'];

const partyline = {
  seeded: true, jwt: true,
  command: ({ build }) => [`${build}/partyline`, 'serve'],
  env: ({ database, redis }) => ({
    JWT_SECRET: jwtSecret, HOST: '127.0.0.1', LOOPS: '1', DATABASE_URL: `sqlite:${database}`, ...highLimits,
    ...(redis ? { REDIS_URL: redis } : {}),
  }),
  says: {
    echo: asked,
    fanout: [...chatNames, '--form', 'partyline', '--event-say', 'chat:typing', '--event-heard', 'chat:user_typing'],
    storm: [...chatNames, ...asked, '--end-ms', '13000'], // users are kept for PRESENCE_GRACE, 10 s
  },
};
const nodeChat = {
  jwt: true,
  command: ({ here }) => ['node', `${here}/peers/node-mission.js`],
  env: ({ dir, redis }) => ({
    JWT_SECRET: jwtSecret, DATABASE: `${dir}/node.db`, ...(redis ? { REDIS_URL: redis } : {}),
  }),
};
const nodeEcho = {
  command: ({ here }) => ['node', `${here}/peers/node-echo.js`],
  env: ({ redis }) => (redis ? { REDIS_URL: redis } : {}),
};
const libsio = {
  command: ({ build }) => [`${build}/examples/bench-server`],
  env: ({ redis }) => ({ LOOPS: '1', ...(redis ? { REDIS_URL: redis } : {}) }),
};

export const servers = {
  node: { ...nodeEcho, title: 'socket.io on Node, with `ws`' },
  'node-uws': {
    title: 'socket.io on Node, with uWebSockets.js', needs: 'uWebSockets.js',
    command: ({ here }) => ['node', `${here}/peers/node-uws.js`],
  },
  uws: {
    title: 'uWebSockets.js without socket.io', needs: 'uWebSockets.js',
    command: ({ here }) => ['node', `${here}/peers/uws-echo.js`],
  },
  ws: { title: '`ws` on Node without socket.io', command: ({ here }) => ['node', `${here}/peers/ws-echo.js`] },
  libsio: { ...libsio, title: 'the same server as `node` in C on libsio (examples/bench-server.c), one loop' },
  'libsio-2-loops': {
    ...libsio, title: 'libsio with two loops, on both cores', cores: '0,1', env: () => ({ LOOPS: '2' }),
  },
  partyline: {
    ...partyline, title: '`partyline serve`, one loop: tokens, limits, metrics, log at its default level, SQLite FULL',
  },
  'partyline-redis': { ...partyline, title: '`partyline serve` with presence and broadcasts in Redis', redis: true },
  limit: {
    title: 'the system calls alone, one write a turn and client',
    command: ({ build }) => [`${build}/bench/bench-limit`],
  },
  'limit-write': {
    title: 'the system calls alone, one write a frame',
    command: ({ build }) => [`${build}/bench/bench-limit`, '--write'],
  },
  'limit-chat': {
    title: 'the system calls alone, one fdatasync a turn', jwt: true,
    command: ({ build, dir }) => [`${build}/bench/bench-limit`, '--log', `${dir}/log`],
  },
  'node-chat': {
    ...nodeChat, title: 'the same chat on Node, presence in memory: socket.io, JWT, SQLite FULL', optional: true,
  },
  'node-chat-redis': {
    ...nodeChat, title: 'the same chat on Node: socket.io, JWT, SQLite FULL, Redis adapter and presence keys', redis: true,
  },
  'node-two': { ...nodeEcho, title: 'two of `node` with @socket.io/redis-adapter, and Redis', redis: true, nodes: 2 },
  'libsio-two': { ...libsio, title: 'two of `libsio`, and Redis', redis: true, nodes: 2 },
  'node-chat-two': { ...nodeChat, title: 'two of `node-chat-redis`, one SQLite file', redis: true, nodes: 2 },
  'partyline-two': { ...partyline, title: 'two of `partyline-redis`, one SQLite file', redis: true, nodes: 2 },
};
