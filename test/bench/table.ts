import { readFileSync } from 'node:fs';
import { FIGURES, type Figure } from './report.ts';

/** Prints the figures of the last run, as the table of the README. The last of each kind counts. */
const noted = readFileSync(FIGURES, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Figure);
const figures = [...new Map(noted.map((figure) => [`${figure.what}|${figure.against}`, figure])).values()];
const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
const rows = figures.map(({ what, against, atMost, oursMs, theirsMs }) => {
  const ratio = oursMs / theirsMs;
  const shown = `${ratio.toFixed(2)} ×`;
  const cells = [
    what,
    against,
    seconds(oursMs),
    seconds(theirsMs),
    ratio > atMost ? `**${shown}**` : shown,
    `${atMost} ×`,
  ];
  return `| ${cells.join(' | ')} |`;
});
process.stdout.write(
  ['| what | against | pgctl | the other | ratio | at most |', '|---|---|--:|--:|--:|--:|', ...rows, ''].join(
    '\n',
  ),
);
