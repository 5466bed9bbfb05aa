// Runs the benchmark: bench/run BUILD [flags]. README.md says what the figures mean.
//
// Every test gets a freshly started server on core 0 and the load generator on core 1, both on loopback. The servers
// take turns within a round, so that a disturbance of the machine does not hit one of them only.
import { execFileSync } from 'node:child_process';
import {
  closeSync, copyFileSync, existsSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync,
} from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sections, tests } from './plan.mjs';
import { jwtSecret, redisPackage, servers } from './plan_servers.mjs';
import { report } from './report.mjs';
import { freePort, generate, hardLimit, isThere, sleep, startRedis, startServer, stop, stopAll } from './run_server.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const SPARE_DESCRIPTORS = 500;
const QUICK_CLIENTS = 3000;
const SEED_USERS = 15000;
const SEED_ROOMS = 1000;
const DISK_SECONDS = 1;
const QUIET_LOAD = 0.5;
const QUIET_WAIT_S = 60;

const { values: flags } = parseArgs({
  options: {
    build: { type: 'string', default: join(here, '..', 'build') },
    only: { type: 'string' },
    section: { type: 'string' },
    servers: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    budget: { type: 'string', default: '1200' },
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
  --section A,B      only these sections: ${Object.keys(sections).join(' ')}
  --servers A,B      only these servers: ${Object.keys(servers).join(' ')}
  --rounds N         runs of everything, medians are taken (3)
  --budget SECONDS   starts no further round that would end later (1200)
  --write            writes bench/RESULTS.md, anew after each round
  --json FILE        writes every single run`);
}

const descriptors = hardLimit();
const few = (n) => (flags.quick ? Math.min(n, QUICK_CLIENTS) : n);
const clientsOf = (test) => Math.min(few(test.clients), descriptors - SPARE_DESCRIPTORS);
const besideOf = (test) => Math.max(0, Math.min(few(test.beside ?? 0), descriptors - SPARE_DESCRIPTORS - clientsOf(test)));

function loadArgs(test, name, ports, pids) {
  const server = servers[name];
  const clients = clientsOf(test);
  return [
    join(flags.build, 'bench', 'bench-load'), '--mode', test.mode, '--label', name, '--port', ports[0], '--pid', pids.join(','),
    ...(ports.length > 1 ? ['--port2', ports[1]] : []), ...(server.jwt ? ['--jwt-secret', jwtSecret] : []),
    '--clients', clients, '--beside', besideOf(test), '--idle-from', Math.round(clients / 7.5),
    '--seconds', flags.quick ? 0.5 : 1.5, '--warmup', flags.quick ? 0.2 : 0.7, '--settle-ms', flags.quick ? 500 : 1500,
    ...test.args, ...(server.says?.[test.mode] ?? []),
  ].map(String);
}

// A database with users and rooms, made once and copied for each run.
function seedDatabase(dir) {
  const file = join(dir, 'seed.db');
  const env = { ...process.env, DATABASE_URL: `sqlite:${file}` };
  execFileSync(join(flags.build, 'partyline'), ['migrate'], { env, stdio: 'ignore' });
  execFileSync('node', [join(here, 'peers', 'seed-partyline.mjs'), file, SEED_USERS, SEED_ROOMS].map(String));
  return file;
}

async function startNodes(server, where, children, ports) {
  for (let i = 0; i < (server.nodes ?? 1); i++) {
    const port = await freePort();
    const env = { ...server.env?.(where), PORT: String(port) };
    ports.push(port);
    children.push(await startServer(server.cores ?? '0', server.command(where), env, port, join(where.dir, `log-${i}`)));
  }
}

async function runOne(test, name, work) {
  const server = servers[name];
  const dir = mkdtempSync(join(work.dir, 'run-'));
  const where = { here, build: flags.build, dir, database: join(dir, 'partyline.db') };
  const children = [];
  const ports = [];
  let redis = null;
  try {
    if (server.seeded) copyFileSync(work.seed, where.database);
    if (server.redis) redis = await startRedis(dir);
    where.redis = redis?.url;
    await startNodes(server, where, children, ports);
    const pids = [...children, ...(redis ? [redis.child] : [])].map((child) => child.pid);
    return { name: test.name, ...await generate(loadArgs(test, name, ports, pids)), beside: besideOf(test) };
  } finally {
    await Promise.all(children.map(stop));
    if (redis) await stop(redis.child);
    rmSync(dir, { recursive: true, force: true });
  }
}

// How often a second the disk makes 200 bytes durable: the durable rows depend on it.
function diskRate(dir) {
  const name = join(dir, 'disk');
  const file = openSync(name, 'w');
  const record = Buffer.alloc(200, 'x');
  const began = performance.now();
  let count = 0;
  for (; performance.now() - began < DISK_SECONDS * 1000; count++) {
    writeSync(file, record);
    fdatasyncSync(file);
  }
  closeSync(file);
  rmSync(name);
  return count / ((performance.now() - began) / 1000);
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

// Why a server cannot run here, or null.
function lacks(name, seed) {
  const server = servers[name];
  const packages = [...(server.needs ? [server.needs] : []), ...(server.redis && name.startsWith('node') ? [redisPackage] : [])];
  const absent = packages.find((p) => !existsSync(join(here, 'peers', 'node_modules', p)));
  const [program] = server.command({ here, build: flags.build, dir: '' });
  if (absent) return `${absent} is not installed`;
  if (server.redis && !isThere('redis-server')) return 'redis-server is not installed';
  if (program.includes('/') && !existsSync(program)) return `${program} is not built`;
  return server.seeded && !seed ? 'its database could not be made' : null;
}

function plan(dir) {
  const only = chosen(tests.map((t) => t.name), flags.only);
  const parts = chosen(Object.keys(sections), flags.section);
  const named = chosen(Object.keys(servers), flags.servers);
  const wanted = tests.filter((t) => (!only || only.includes(t.name)) && (!parts || parts.includes(t.section)));
  const asked = Object.keys(servers).filter((name) => (named ? named.includes(name) : !servers[name].optional)
    && wanted.some((test) => test.servers.includes(name)));
  const work = { dir, missing: [], seed: null };
  if (asked.some((name) => servers[name].seeded) && existsSync(join(flags.build, 'partyline'))) {
    try {
      work.seed = seedDatabase(dir);
    } catch (error) {
      console.log(`the database: ${error.message}`);
    }
  }
  work.present = asked.filter((name) => {
    const why = lacks(name, work.seed);
    if (why) work.missing.push(`${name}: ${why}`);
    return !why;
  });
  work.tests = wanted.map((test) => ({ ...test, servers: test.servers.filter((name) => work.present.includes(name)) }))
    .filter((test) => test.servers.length > 0);
  return work;
}

// Seconds that a run takes, learnt on two cores of a virtual machine.
function expected(test, name) {
  const slow = name.startsWith('node') || name === 'ws';
  const opened = (clientsOf(test) + besideOf(test)) * (slow ? 2e-4 : 6e-5);
  const measured = flags.quick ? 1 : 2.5;
  const more = { storm: slow ? 18 : 15, idle: 3, connect: -2 }[test.mode] ?? 0;
  return measured + opened + more + (servers[name].redis ? 0.5 : 0) + (slow ? 0.5 : 0.2);
}

const total = (list) => list.reduce((sum, test) => sum + test.servers.reduce((s, name) => s + expected(test, name), 0), 0);

async function round(list, work, number) {
  work.disk.push(diskRate(work.dir));
  for (const test of list) {
    for (const name of test.servers) {
      const broken = (error) => ({ name: test.name, server: name, broken: error.message });
      const run = await runOne(test, name, work).catch(broken);
      work.runs.push({ ...run, round: number });
      console.log(`${number}  ${test.name.padEnd(18)} ${name.padEnd(15)} ${run.broken ?? summary(run, test)}`);
    }
  }
}

// What has just been built or tested still counts in the load average; what goes on does, too.
async function untilQuiet() {
  for (let i = 0; i < QUIET_WAIT_S && loadavg()[0] > QUIET_LOAD && !flags.quick; i++) {
    if (i === 0) console.log(`load average ${loadavg()[0].toFixed(1)}: waiting up to ${QUIET_WAIT_S} s until others are done`);
    await sleep(1000);
  }
  return loadavg()[0];
}

function publish(work, rounds, began) {
  const minutes = (Date.now() - began) / 60000;
  const text = report({ ...work, clientsOf, besideOf, rounds, minutes, quick: flags.quick });
  if (flags.json) writeFileSync(flags.json, JSON.stringify(work.runs, null, 1));
  if (flags.write) writeFileSync(join(here, 'RESULTS.md'), text);
  return text;
}

async function measure(work) {
  const rounds = flags.quick ? 1 : Number(flags.rounds);
  const again = work.tests.filter((test) => !sections[test.section].once);
  const seconds = total(work.tests) + total(again) * (rounds - 1);
  console.log(`about ${Math.ceil(seconds / 60)} minutes, ${rounds} rounds, no round that would end after ${flags.budget} s`);
  for (const line of work.missing) console.log(line);
  Object.assign(work, { load: await untilQuiet(), runs: [], disk: [] });
  const began = Date.now();
  let text = '';
  for (let done = 0, last = 0; done < rounds; done++) {
    const from = Date.now();
    if (done > 0 && (from - began) / 1000 + last > Number(flags.budget)) break;
    await round(again, work, done + 1);
    last = (Date.now() - from) / 1000;
    if (done === 0) await round(work.tests.filter((test) => sections[test.section].once), work, 1);
    text = publish(work, done + 1, began);
  }
  console.log(`\n${text}`);
  if (work.runs.some((run) => run.broken || run.lost || run.failures)) process.exitCode = 1;
}

async function main() {
  if (flags.help) return usage();
  if (availableParallelism() < 2) throw new Error('two cores are needed: one for the server, one for the load');
  mkdirSync(flags.build, { recursive: true });
  const dir = mkdtempSync(join(flags.build, 'bench-data-'));
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  await measure(plan(dir));
  return undefined;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, async () => {
    await stopAll();
    process.exit(130);
  });
}

main().catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});
