import Table from 'cli-table3';
import type { Theme } from './theme.ts';
import { cut, displayWidth } from './width.ts';

/** A column of a table, by what it shows of a row. */
export interface Column<Row> {
  /** Empty in all columns: no heading. */
  readonly title: string;
  readonly text: (row: Row) => string;
  /** Colours a text that `text` made, possibly shortened. */
  readonly paint?: (text: string, row: Row) => string;
  readonly align?: 'right';
  /** The first to be shortened where the terminal is narrow; ids stay whole as long as they can, to be copied. */
  readonly gives?: true;
  /** Left out where it is empty in every row. */
  readonly optional?: true;
  /** Left out where the terminal is too narrow for all columns, the greatest number first. */
  readonly drop?: number;
}

const GAP = 2;
const LEAST_GIVING = 12;
const LEAST = 6;
const NO_BORDERS = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
    .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'])
    .map((name) => [name, '']),
);

/** Rows below one another without borders, one line each; shortened to the theme's width where it has one. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], theme: Theme): string {
  const cells = rows.map((row) => columns.map(({ text }) => firstLine(text(row))));
  const filled = columns
    .map((_, at) => at)
    .filter((at) => columns[at]?.optional !== true || cells.some((c) => c[at] !== ''));
  const titles = columns.some(({ title }) => title !== '') ? [columns.map(({ title }) => title)] : [];
  const wanted = columns.map((_, at) =>
    Math.max(...[...titles, ...cells].map((line) => displayWidth(line[at] ?? ''))),
  );
  const shown = roomFor(columns, { wanted, shown: filled, width: theme.width });
  const widths = fit(columns, { wanted, shown, width: theme.width });

  const layout = new Table({
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
    colAligns: shown.map((at) => columns[at]?.align ?? 'left'),
    colWidths: shown.map((at, place) => (widths[at] ?? 0) + (place === shown.length - 1 ? 0 : GAP)),
  });
  const line = (texts: readonly string[], paint: (text: string, at: number) => string) =>
    shown.map((at, place) => ({
      content: paint(cut(texts[at] ?? '', widths[at] ?? 0), at),
      style: { 'padding-right': place === shown.length - 1 ? 0 : GAP },
    }));
  for (const texts of titles) layout.push(line(texts, (text) => theme.strong(text)));
  cells.forEach((texts, at) => {
    const row = rows[at] as Row;
    layout.push(line(texts, (text, column) => columns[column]?.paint?.(text, row) ?? text));
  });
  return layout
    .toString()
    .split('\n')
    .map((text) => text.trimEnd())
    .join('\n');
}

interface Room {
  readonly wanted: readonly number[];
  /** Which columns are shown. */
  readonly shown: readonly number[];
  readonly width: number | null;
}

/** What would be cut to nothing that anybody can read goes as a whole, and leaves its room to the others. */
function roomFor<Row>(columns: readonly Column<Row>[], { wanted, shown, width }: Room): readonly number[] {
  const least = (at: number): number => {
    const full = wanted[at] ?? 0;
    return columns[at]?.gives === true ? Math.min(full, LEAST_GIVING) : full;
  };
  const kept = [...shown];
  const excess = (): number =>
    kept.reduce((sum, at) => sum + least(at), GAP * (kept.length - 1)) - (width ?? Infinity);
  while (excess() > 0) {
    const droppable = kept.filter((at) => columns[at]?.drop !== undefined);
    if (droppable.length === 0) break;
    const next = droppable.reduce((a, b) => ((columns[b]?.drop ?? 0) > (columns[a]?.drop ?? 0) ? b : a));
    kept.splice(kept.indexOf(next), 1);
  }
  return kept;
}

/** Widths that fit: the widest is shortened first, among those that give, then among all. */
function fit<Row>(columns: readonly Column<Row>[], { wanted, shown, width }: Room): number[] {
  const widths = [...wanted];
  if (width === null) return widths;
  let excess = shown.reduce((sum, at) => sum + (widths[at] ?? 0), GAP * (shown.length - 1)) - width;
  const shorten = (candidates: readonly number[], least: number): void => {
    while (excess > 0) {
      const widest = candidates.reduce(
        (a, b) => ((widths[b] ?? 0) > (widths[a] ?? 0) ? b : a),
        candidates[0] ?? 0,
      );
      if ((widths[widest] ?? 0) <= least || candidates.length === 0) return;
      widths[widest] = (widths[widest] ?? 0) - 1;
      excess--;
    }
  };
  shorten(
    shown.filter((at) => columns[at]?.gives === true),
    LEAST_GIVING,
  );
  shorten(shown, LEAST);
  return widths;
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0]?.replace(/\t/g, ' ') ?? '';
}
