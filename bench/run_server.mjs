// Starts and stops what a run needs, each on its core.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

const START_MS = 15000;
const STOP_MS = 5000;
const running = new Set();

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function hardLimit() {
  const text = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  return text === 'unlimited' ? 1 << 20 : Number(text);
}

export function isThere(program) {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export function freePort() {
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

// A program pinned to cores, with all the descriptors it may have. The shell replaces itself: one pid.
function start(cores, command, env, stdout, stderr) {
  const script = 'ulimit -n "$(ulimit -Hn)"; exec taskset -c "$0" "$@"';
  const child = spawn('sh', ['-c', script, cores, ...command], {
    env: { ...process.env, ...env }, stdio: ['ignore', stdout, stderr],
  });
  child.ended = new Promise((resolve) => child.on('close', resolve));
  running.add(child);
  child.ended.then(() => running.delete(child));
  return child;
}

export async function stop(child) {
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  child.kill('SIGTERM');
  await child.ended;
  clearTimeout(late);
}

export const stopAll = () => Promise.all([...running].map(stop));

// A server whose log goes to a file, as a log does: through a pipe this process would be woken for each line.
export async function startServer(cores, command, env, port, log) {
  const file = openSync(log, 'a');
  const child = start(cores, command, env, file, file);
  closeSync(file);
  for (const until = Date.now() + START_MS; Date.now() < until; await sleep(10)) {
    if (child.exitCode !== null) throw new Error(`the server ended: ${readFileSync(log, 'utf8').slice(-500).trim()}`);
    if (await accepts(port)) return child;
  }
  await stop(child);
  throw new Error('the server does not accept connections');
}

export async function startRedis(dir) {
  const port = await freePort();
  const command = ['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', dir];
  const child = await startServer('0', command, {}, port, join(dir, 'redis.log'));
  return { child, url: `redis://127.0.0.1:${port}` };
}

// Runs the load generator on core 1; resolves with the line it prints.
export async function generate(args) {
  const child = start('1', args, {}, 'pipe', 'pipe');
  let text = '';
  let errors = '';
  child.stdout.on('data', (data) => { text += data; });
  child.stderr.on('data', (data) => { errors = (errors + data).slice(-2000); });
  const code = await child.ended;
  if (code !== 0) throw new Error(`the load generator ended with ${code}: ${errors.trim()}`);
  return JSON.parse(text);
}
