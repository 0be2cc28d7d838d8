import type { Theme } from './theme.ts';

/** A label and what it stands before; null is left out. */
export type Field = readonly [label: string, value: string | null];

/** One line per field, the values below one another. */
export function fields(theme: Theme, list: readonly Field[]): string {
  const shown = list.filter((field): field is [string, string] => field[1] !== null);
  const width = Math.max(...shown.map(([label]) => label.length)) + 2;
  return shown
    .map(
      ([label, value]) =>
        `  ${theme.faint(label.padEnd(width))}${value.replace(/\n/g, `\n${' '.repeat(width + 2)}`)}`,
    )
    .join('\n');
}

/** An error out of a record, over as many lines as it has. */
export function errorField(theme: Theme, error: string | null): string | null {
  return error === null ? null : theme.bad(error.trim());
}
