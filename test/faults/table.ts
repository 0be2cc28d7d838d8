import { readFileSync } from 'node:fs';
import { type FaultCount, REPORT } from './report.ts';

/** Prints what the last run of the suite did, as the table of the README. */
const counts = new Map<string, number>();
for (const line of readFileSync(REPORT, 'utf8').trim().split('\n')) {
  const { what, injected } = JSON.parse(line) as FaultCount;
  counts.set(what, (counts.get(what) ?? 0) + injected);
}
const rows = [...counts].map(([what, injected]) => `| ${what} | ${injected} |`).sort();
const total = [...counts.values()].reduce((sum, injected) => sum + injected, 0);
process.stdout.write(
  ['| fault | injected, and survived |', '|---|--:|', ...rows, `| all | ${total} |`, ''].join('\n'),
);
