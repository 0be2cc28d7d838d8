import { readFileSync } from 'node:fs';
import { type FaultCount, REPORT } from './report.ts';

/** Prints what the last run of the suite did, as the table of the README. */
const counts = readFileSync(REPORT, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as FaultCount);
const rows = counts.map(({ what, injected }) => `| ${what} | ${injected} |`).sort();
const total = counts.reduce((sum, { injected }) => sum + injected, 0);
process.stdout.write(
  ['| fault | injected, and survived |', '|---|--:|', ...rows, `| all | ${total} |`, ''].join('\n'),
);
