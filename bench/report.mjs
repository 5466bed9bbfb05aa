// Turns runs into the tables of RESULTS.md.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem, release, cpus } from 'node:os';
import { servers, sides } from './plan.mjs';

const GENERATOR_FULL = 0.95;
const QUIET_LOAD = 1;
const packages = ['socket.io', '@socket.io/redis-adapter', 'ws', 'better-sqlite3'];

function median(values) {
  const sorted = values.filter((v) => v !== undefined).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function number(value) {
  if (value === undefined) return '–';
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function time(us) {
  if (us === undefined) return '–';
  return us >= 1000 ? `${number(us / 1000)} ms` : `${number(us)} µs`;
}

function ratio(above, below) {
  return above === undefined || below === undefined || below <= 0 ? '–' : `${number(above / below)} ×`;
}

const row = (cells) => `| ${cells.join(' | ')} |`;

function table(head, rows) {
  const rule = head.map((_, i) => (i ? '--:' : '---'));
  return [row(head), row(rule), ...rows.map(row)].join('\n');
}

// The median of a field over the rounds of one test on one server; broken runs do not count.
function field(runs, test, server, key) {
  const good = runs.filter((r) => r.name === test.name && r.server === server && !r.broken && !r.failures);
  return median(good.map((r) => r[key]));
}

// Fewer descriptors, or --quick, mean fewer clients than the title says.
function titleOf(runs, test) {
  const fewer = runs.find((r) => r.name === test.name && r.clients < test.clients);
  return fewer ? `${test.title} (${fewer.clients.toLocaleString('en-US')} clients)` : test.title;
}

function figures({ runs, tests }, family, present) {
  const { theirs, ours, floor } = sides[family];
  const names = present.filter((name) => servers[name].family === family);
  const rows = tests.filter((test) => test.family === family).map((test) => {
    const value = (server) => field(runs, test, server, test.measure);
    return [
      `${titleOf(runs, test)}, ${test.measure === 'rss_bytes' ? 'bytes' : 'µs'}`,
      ...names.map((name) => number(value(name))),
      ratio(value(theirs), value(ours)), ...(floor ? [ratio(value(ours), value(floor))] : []),
    ];
  });
  return table(['test', ...names, `${theirs} ÷ ${ours}`, ...(floor ? [`${ours} ÷ ${floor}`] : [])], rows);
}

function latencies({ runs, tests }, family, present) {
  const names = present.filter((name) => servers[name].family === family);
  const rows = tests.filter((test) => test.family === family && test.measure === 'cpu_us').map((test) => [
    titleOf(runs, test),
    ...names.map((name) => {
      const full = field(runs, test, name, 'generator_busy') > GENERATOR_FULL ? ' *' : '';
      return `${number(field(runs, test, name, 'per_second'))}${full}; ${time(field(runs, test, name, 'p50_us'))}; `
        + time(field(runs, test, name, 'p99_us'));
    }),
  ]);
  return table(['test', ...names.map((name) => `${name}: per second; p50; p99`)], rows);
}

function troubles({ runs, missing }) {
  const bad = runs.filter((r) => r.broken || r.lost || r.failures).map((r) =>
    `- ${r.name} on ${r.server}, round ${r.round}: ${r.broken ?? `${r.lost} lost, ${r.failures} failures ${r.error}`}`);
  return [...missing.map((line) => `- ${line}`), ...bad];
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

function conditions({ rounds, quick, load }) {
  const times = `${rounds} round${rounds === 1 ? '' : 's'}, medians${quick ? ' (--quick: too short to quote)' : ''}`;
  const machine = `${availableParallelism()} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  return [
    `Measured ${new Date().toISOString().slice(0, 10)}, partyline ${gitVersion()}, ${times}.`,
    `${machine}, Linux ${release()}, loopback; server on core 0, load generator on core 1, polling.`,
    `Node ${process.version}, ${packages.map(installed).join(', ')}.`,
    ...(load > QUIET_LOAD ? [`Other work was running (load average ${load.toFixed(1)} at the start): look at CPU per`
      + ' operation only.'] : []),
  ].join('\n');
}

export function report(facts) {
  const parts = ['# Results', conditions(facts)];
  for (const family of Object.keys(sides)) {
    const names = facts.present.filter((name) => servers[name].family === family);
    if (names.length === 0 || !facts.tests.some((test) => test.family === family)) continue;
    parts.push(
      `## ${sides[family].title}`,
      names.map((name) => `- **${name}**: ${servers[name].title}`).join('\n'),
      'Server CPU per operation (an echo, a delivery to one member, a connection); memory as resident bytes a'
        + ' connection.',
      figures(facts, family, facts.present), latencies(facts, family, facts.present),
    );
  }
  parts.push('\\* The load generator\'s core was full: the server could do more per second; its CPU per operation'
    + ' stands.');
  const bad = troubles(facts);
  parts.push(bad.length ? `## Not as it should be\n\n${bad.join('\n')}` : 'Nothing was lost and no connection failed.');
  return `${parts.join('\n\n')}\n`;
}
