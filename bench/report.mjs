// Turns runs into RESULTS.md.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { sections } from './plan.mjs';
import { redisPackage, servers } from './plan_servers.mjs';
import { curve, storms } from './report_curves.mjs';
import { field, generatorFull, number, ratio, table, time } from './report_format.mjs';
import { goals } from './report_goals.mjs';

const QUIET_LOAD = 1;
const packages = ['socket.io', redisPackage, 'ws', 'better-sqlite3', 'uWebSockets.js'];
const unit = { cpu_us: 'µs', rss_bytes: 'bytes' };

// Fewer descriptors, or --quick, mean fewer clients than the title says.
function titleOf(facts, test) {
  const clients = facts.clientsOf(test);
  return clients < test.clients ? `${test.title} (${clients.toLocaleString('en-US')} clients)` : test.title;
}

function figures(facts, tests, names, pairs) {
  const rows = tests.map((test) => {
    const value = (server) => field(facts.runs, test.name, server, test.measure);
    return [
      `${titleOf(facts, test)}, ${unit[test.measure]}`, ...names.map((name) => number(value(name))),
      ...pairs.map(([above, below]) => ratio(value(above), value(below))),
    ];
  });
  return table(['test', ...names, ...pairs.map(([above, below]) => `${above} ÷ ${below}`)], rows);
}

function latency(facts, test, name) {
  const get = (key) => field(facts.runs, test.name, name, key);
  const full = generatorFull(facts.runs, test.name, name) ? ' *' : '';
  return get('per_second') === undefined ? '–'
    : `${number(get('per_second'))}${full}; ${time(get('p50_us'))}; ${time(get('p99_us'))}`;
}

function latencies(facts, tests, names) {
  const rows = tests.filter((test) => test.measure === 'cpu_us')
    .map((test) => [titleOf(facts, test), ...names.map((name) => latency(facts, test, name))]);
  return table(['per second; p50; p99', ...names], rows);
}

function plainSection(facts, section, tests, names) {
  const pairs = section.ratios.filter((pair) => pair.every((name) => names.includes(name)));
  return [figures(facts, tests, names, pairs), latencies(facts, tests, names)];
}

function sectionText(facts, name) {
  const section = sections[name];
  const tests = facts.tests.filter((test) => test.section === name);
  const names = facts.present.filter((server) => tests.some((test) => test.servers.includes(server)));
  if (tests.length === 0 || names.length === 0) return [];
  const body = section.curve ? [curve(facts, section, tests)]
    : section.storm ? [storms(facts, tests, names)] : plainSection(facts, section, tests, names);
  return [
    `## ${section.title}`, names.map((server) => `- **${server}**: ${servers[server].title}`).join('\n'),
    ...(section.note ? [section.note] : []), ...body,
  ];
}

function troubles({ runs, missing }) {
  const bad = runs.filter((r) => r.broken || r.lost || r.failures).map((r) =>
    `- ${r.name} on ${r.server}, round ${r.round}: ${r.broken ?? `${r.lost} lost, ${r.failures} failures ${r.error}`}`);
  const text = bad.length ? `## Not as it should be\n\n${bad.join('\n')}` : 'Nothing was lost, no connection failed.';
  return missing.length ? `${text}\n\nLeft out:\n\n${missing.map((line) => `- ${line}`).join('\n')}` : text;
}

function gitVersion() {
  try {
    const quiet = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
    return execFileSync('git', ['describe', '--always', '--dirty'], quiet).trim();
  } catch {
    return 'unknown';
  }
}

function installed(name) {
  const file = new URL(`peers/node_modules/${name}/package.json`, import.meta.url);
  try {
    return `${name} ${JSON.parse(readFileSync(file)).version}`;
  } catch {
    return `${name} not installed`;
  }
}

function redisVersion() {
  try {
    return `Redis ${/v=([0-9.]+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))[1]}`;
  } catch {
    return 'no Redis';
  }
}

function conditions({ rounds, quick, load, disk, minutes }) {
  const times = `${rounds} round${rounds === 1 ? '' : 's'}, medians${quick ? ' (--quick: too short to quote)' : ''}`;
  const machine = `${availableParallelism()} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  return [
    `Measured ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, partyline ${gitVersion()}, ${times}, in`
      + ` ${Math.ceil(minutes)} minutes; load average ${load.toFixed(1)} at the start.`,
    `${machine}, Linux ${release()}, loopback; server on core 0, load generator on core 1, polling.`,
    `Node ${process.version}, ${[...packages.map(installed), redisVersion()].join(', ')}.`,
    `The disk makes ${disk.map((rate) => number(rate)).join(', ')} writes a second durable (write and fdatasync of 200`
      + ' bytes, before each part of the run).',
    ...(load > QUIET_LOAD ? ['Other work was running: look at CPU per operation only, and at ratios.'] : []),
  ].join('\n');
}

const legend = `Server CPU per operation (an echo, a delivery to one member, a connection), Redis included; memory as resident bytes a
connection. Curves, the storm and the cluster were measured once, the rest in each round. \\* The load generator's
core was full: the server could do more per second; its CPU per operation stands.`;

export function report(facts) {
  const parts = [
    '# Results', conditions(facts), troubles(facts), legend,
    ...Object.keys(sections).flatMap((name) => sectionText(facts, name)), ...goals(facts),
  ];
  return `${parts.join('\n\n')}\n`;
}
