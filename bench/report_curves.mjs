// What depends on how much there is, and the reconnect storm.
import { field, generatorFull, megabytes, number, table, time } from './report_format.mjs';

// One row for each place of the curve, one column for each line and server.
export function curve(facts, section, tests) {
  const places = [...new Set(tests.map((test) => test.at))];
  const alone = section.servers.includes('libsio-2-loops'); // the places are the servers
  const columns = [...new Set(tests.flatMap((test) =>
    (alone ? [test.line] : test.servers.map((server) => `${test.line}, ${server}`))))];
  const cell = (at, column) => {
    for (const test of tests.filter((t) => t.at === at)) {
      const server = test.servers.find((name) => column === (alone ? test.line : `${test.line}, ${name}`));
      if (!server) continue;
      const get = (key) => field(facts.runs, test.name, server, key);
      const full = generatorFull(facts.runs, test.name, server) ? ' *' : '';
      return `${number(get('cpu_us'))} µs; ${number(get('per_second'))}/s${full}; ${time(get('p99_us'))}`;
    }
    return '–';
  };
  const fewer = tests.some((test) => facts.clientsOf(test) < test.clients || facts.besideOf(test) < (test.beside ?? 0));
  return [
    table([section.curve, ...columns], places.map((at) => [
      at.toLocaleString('en-US'), ...columns.map((column) => cell(at, column)),
    ])),
    'CPU per operation; operations a second; p99.',
    ...(fewer ? ['Few descriptors, or --quick: there were no more connections than could be, whatever the first column says.'] : []),
  ].join('\n\n');
}

const times = (get, when) => ['p50', 'p99', 'max'].map((key) => time(get(`${when}_${key}_us`))).join('; ');

function stormRow(facts, test, server) {
  const get = (key) => field(facts.runs, test.name, server, key);
  const broken = facts.runs.filter((r) => r.name === test.name && r.server === server && (r.broken || r.failures));
  const head = `${server}, ${test.title}`;
  if (broken.length) return [head, `failed: ${broken[0].broken ?? broken[0].error}`, ...Array(8).fill('–')];
  return [
    head, `${number(get('back_seconds'))} s`, String(get('refused') ?? '–'), number(get('cpu_us')), times(get, 'before'),
    times(get, 'during'), time(get('longest_turn_us')),
    ['rss_few', 'rss_all', 'rss_top', 'rss_back', 'rss_left'].map((key) => megabytes(get(key))).join('; '),
  ];
}

const stormHead = [
  'server, so many at a time', 'all back after', 'refused', 'CPU µs a client', 'echo of the others before: p50; p99; max',
  'meanwhile', 'generator\'s longest turn', 'resident: the 100; all; peak; all back; the 100 again',
];
const stormNote = 'What a turn of the generator takes delays what it sees of an echo by as much.';

export function storms(facts, tests, names) {
  const rows = tests.flatMap((test) => names.filter((name) => test.servers.includes(name))
    .map((name) => stormRow(facts, test, name)));
  const { clients } = facts.runs.find((run) => run.name === tests[0].name && run.clients) ?? {};
  return [
    table(stormHead, rows),
    ...(clients ? [`${clients.toLocaleString('en-US')} clients in all. ${stormNote}`] : []),
  ].join('\n\n');
}
