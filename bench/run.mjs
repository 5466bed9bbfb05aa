// Runs the benchmark: bench/run BUILD [flags]. README.md says what the figures mean.
//
// Every test gets a freshly started server on core 0 and the load generator on core 1, both on loopback. The servers
// take turns within a round, so that a disturbance of the machine does not hit one of them only.
import { spawn, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { availableParallelism, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { jwtSecret, servers, sides, tests } from './plan.mjs';
import { report } from './report.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const SPARE_DESCRIPTORS = 500;
const START_MS = 15000;
const STOP_MS = 5000;

const { values: flags } = parseArgs({
  options: {
    build: { type: 'string', default: join(here, '..', 'build') },
    only: { type: 'string' },
    family: { type: 'string' },
    servers: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    budget: { type: 'string', default: '560' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function usage() {
  console.log(`bench/run [BUILD] [flags]
  --quick            one short round with fewer clients; for a look, not for figures
  --only A,B         only these tests: ${tests.map((t) => t.name).join(' ')}
  --family A,B       only these families: ${Object.keys(sides).join(' ')}
  --servers A,B      only these servers: ${Object.keys(servers).join(' ')}
  --rounds N         runs of everything, medians are taken (3)
  --budget SECONDS   starts no further round that would end later (560)
  --write            writes bench/RESULTS.md
  --json FILE        writes every single run`);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const running = new Set();

function hardLimit() {
  const text = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  return text === 'unlimited' ? 1 << 20 : Number(text);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

// Starts a program pinned to a core, with all the descriptors it may have. The shell replaces itself: one pid.
function start(core, command, env, stdout) {
  const script = 'ulimit -n "$(ulimit -Hn)"; exec taskset -c "$0" "$@"';
  const child = spawn('sh', ['-c', script, String(core), ...command], {
    env: { ...process.env, ...env }, stdio: ['ignore', stdout, 'pipe'],
  });
  child.errors = '';
  child.stderr.on('data', (data) => { child.errors = (child.errors + data).slice(-2000); });
  child.ended = new Promise((resolve) => child.on('close', resolve));
  running.add(child);
  child.ended.then(() => running.delete(child));
  return child;
}

async function stop(child) {
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  child.kill('SIGTERM');
  await child.ended;
  clearTimeout(late);
}

async function untilReady(child, port) {
  for (const until = Date.now() + START_MS; Date.now() < until; await sleep(20)) {
    if (child.exitCode !== null) throw new Error(`the server ended: ${child.errors.trim()}`);
    if (await accepts(port)) return;
  }
  throw new Error('the server does not accept connections');
}

function clientsOf(test) {
  const wanted = flags.quick ? Math.min(test.clients, 3000) : test.clients;
  return Math.min(wanted, hardLimit() - SPARE_DESCRIPTORS);
}

function loadArgs(test, server, ports, pids) {
  const clients = clientsOf(test);
  const args = [
    join(flags.build, 'bench', 'bench-load'), '--label', server, '--port', ports[0], '--pid', pids.join(','),
    ...(ports.length > 1 ? ['--port2', ports[1]] : []),
    '--clients', clients, '--seconds', flags.quick ? 1 : 2, '--warmup', flags.quick ? 0.5 : 1,
    '--idle-from', Math.round(clients / 7.5), '--settle-ms', flags.quick ? 500 : 1500, ...test.args,
  ];
  if (test.family.startsWith('chat')) args.push('--jwt-secret', jwtSecret);
  return args.map(String);
}

async function generate(args) {
  const child = start(1, args, {}, 'pipe');
  let text = '';
  child.stdout.on('data', (data) => { text += data; });
  const code = await child.ended;
  if (code !== 0) throw new Error(`the load generator ended with ${code}: ${child.errors.trim()}`);
  return JSON.parse(text);
}

function redisIsThere() {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function startRedis(core) {
  const port = await freePort();
  const command = ['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', ''];
  const child = start(core, command, {}, 'ignore');
  await untilReady(child, port);
  return { child, url: `redis://127.0.0.1:${port}` };
}

async function runOne(test, name) {
  const server = servers[name];
  mkdirSync(flags.build, { recursive: true });
  const dir = mkdtempSync(join(flags.build, 'bench-data-'));
  const redis = server.redis ? await startRedis(0) : null;
  const where = { here, build: flags.build, dir, redis: redis?.url };
  const children = [];
  const ports = [];
  try {
    for (let i = 0; i < (server.nodes ?? 1); i++) {
      ports.push(await freePort());
      children.push(start(0, server.command(where), { ...server.env?.(where), PORT: String(ports[i]) }, 'ignore'));
      await untilReady(children[i], ports[i]);
    }
    const pids = [...children, ...(redis ? [redis.child] : [])].map((child) => child.pid);
    return { name: test.name, ...await generate(loadArgs(test, name, ports, pids)) };
  } finally {
    await Promise.all(children.map(stop));
    if (redis) await stop(redis.child);
    rmSync(dir, { recursive: true, force: true });
  }
}

function summary(run, test) {
  const figure = test.measure === 'rss_bytes' ? `${run.rss_bytes} bytes` : `${run.cpu_us} µs`;
  const worry = run.lost || run.failures ? `  LOST ${run.lost}, FAILURES ${run.failures} ${run.error}` : '';
  return `${figure}  ${run.per_second}/s  p50 ${run.p50_us} µs  p99 ${run.p99_us} µs${worry}`;
}

function chosen(all, list) {
  if (!list) return null;
  const names = list.split(',');
  const unknown = names.filter((name) => !all.includes(name));
  if (unknown.length) throw new Error(`unknown: ${unknown.join(', ')}`);
  return names;
}

// What there is to run, and what was left out and why.
function plan() {
  const only = chosen(tests.map((t) => t.name), flags.only);
  const families = chosen(Object.keys(sides), flags.family);
  const named = chosen(Object.keys(servers), flags.servers);
  const missing = [];
  const present = Object.keys(servers).filter((name) => {
    if (named ? !named.includes(name) : servers[name].optional) return false;
    if (families && !families.includes(servers[name].family)) return false;
    if (servers[name].redis && !redisIsThere()) {
      missing.push(`${name}: redis-server is not installed`);
      return false;
    }
    const [program] = servers[name].command({ here, build: flags.build, dir: '', redis: '' });
    if (!program.includes('/') || existsSync(program)) return true;
    missing.push(`${name}: ${program} is not built`);
    return false;
  });
  const wanted = (test) => (!only || only.includes(test.name)) && (!families || families.includes(test.family));
  return { tests: tests.filter(wanted), present, missing };
}

async function round(work, runs, number) {
  for (const test of work.tests) {
    for (const name of work.present.filter((n) => servers[n].family === test.family)) {
      const broken = (error) => ({ name: test.name, server: name, broken: error.message });
      const run = await runOne(test, name).catch(broken);
      runs.push({ ...run, round: number });
      console.log(`${number}  ${test.name.padEnd(18)} ${name.padEnd(13)} ${run.broken ?? summary(run, test)}`);
    }
  }
}

async function main() {
  if (flags.help) return usage();
  if (availableParallelism() < 2) throw new Error('two cores are needed: one for the server, one for the load');
  const work = plan();
  const rounds = flags.quick ? 1 : Number(flags.rounds);
  const began = Date.now();
  const [load] = loadavg();
  const runs = [];
  let done = 0;
  for (const line of work.missing) console.log(line);
  for (; done < rounds; done++) {
    const spent = (Date.now() - began) / 1000;
    if (done > 0 && spent + spent / done > Number(flags.budget)) break;
    await round(work, runs, done + 1);
  }
  if (flags.json) writeFileSync(flags.json, JSON.stringify(runs, null, 1));
  const text = report({ ...work, runs, load, rounds: done, quick: flags.quick });
  console.log(`\n${text}`);
  if (flags.write) writeFileSync(join(here, 'RESULTS.md'), text);
  if (runs.some((run) => run.broken || run.lost || run.failures)) process.exitCode = 1;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, async () => {
    await Promise.all([...running].map(stop));
    process.exit(130);
  });
}

main().catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});
