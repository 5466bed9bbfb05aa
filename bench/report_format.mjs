// Figures as the tables of RESULTS.md show them, and the runs they come from.

const GENERATOR_FULL = 0.95;

export function median(values) {
  const sorted = values.filter((v) => v !== undefined).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function number(value) {
  if (value === undefined) return '–';
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function time(us) {
  if (us === undefined) return '–';
  return us >= 1000 ? `${number(us / 1000)} ms` : `${number(us)} µs`;
}

export const megabytes = (bytes) => (bytes === undefined ? '–' : `${(bytes / 1e6).toFixed(1)} MB`);

export const divided = (above, below) => (above === undefined || !(below > 0) ? undefined : above / below);

export function ratio(above, below) {
  const value = divided(above, below);
  return value === undefined ? '–' : `${number(value)} ×`;
}

const row = (cells) => `| ${cells.join(' | ')} |`;

export function table(head, rows) {
  const rule = head.map((_, i) => (i ? '--:' : '---'));
  return [row(head), row(rule), ...rows.map(row)].join('\n');
}

// The median of a field over the rounds of one test on one server; broken runs do not count.
export function field(runs, test, server, key) {
  const good = runs.filter((r) => r.name === test && r.server === server && !r.broken && !r.failures);
  return median(good.map((r) => r[key]));
}

export function generatorFull(runs, test, server) {
  return field(runs, test, server, 'generator_busy') > GENERATOR_FULL;
}
