import { expect, test } from 'vitest';
import { table, type Column } from '../../src/ui/table.ts';
import { cut, displayWidth } from '../../src/ui/width.ts';
import { COLOR, PLAIN, visible } from './screen.ts';

interface Row {
  readonly name: string;
  readonly size: string;
  readonly note: string;
}
const COLUMNS: Column<Row>[] = [
  { title: 'NAME', text: ({ name }) => name, paint: COLOR.good },
  { title: 'SIZE', text: ({ size }) => size, align: 'right' },
  { title: 'NOTE', text: ({ note }) => note, gives: true, optional: true },
];
const ROWS: Row[] = [
  { name: 'alpha', size: '7', note: 'a note that is long\nand has a second line' },
  { name: 'a-rather-long-name', size: '1234567', note: '' },
];

test('a table has no borders and no blanks at the end of a line', () => {
  expect(visible(table(COLUMNS, ROWS, PLAIN))).toMatchInlineSnapshot(`
    "NAME                   SIZE  NOTE
    <green>alpha</>                     7  a note that is long
    <green>a-rather-long-name</>  1234567"
  `);
});

test('colours do not shift columns, nor does shortening cut a colour off', () => {
  expect(visible(table(COLUMNS, ROWS, { ...COLOR, width: 30 }))).toMatchInlineSnapshot(`
    "<b>NAME</>          <b>SIZE</>  <b>NOTE</>
    <green>alpha</>            7  a note th…
    <green>a-rather…</>  1234567"
  `);
});

test('a column that may give is shortened first, whatever is wider', () => {
  const shown = table(COLUMNS, ROWS, { ...PLAIN, width: 41 });
  expect(visible(shown)).toMatchInlineSnapshot(`
    "NAME                   SIZE  NOTE
    <green>alpha</>                     7  a note that…
    <green>a-rather-long-name</>  1234567"
  `);
});

test('a column that is empty everywhere is left out where it is optional', () => {
  expect(visible(table(COLUMNS, ROWS.slice(1), PLAIN))).toMatchInlineSnapshot(`
    "NAME                   SIZE
    <green>a-rather-long-name</>  1234567"
  `);
});

test('an absurdly narrow terminal gets the least that can be read', () => {
  expect(visible(table(COLUMNS, ROWS, { ...PLAIN, width: 5 }))).toMatchInlineSnapshot(`
    "NAME      SIZE  NOTE
    <green>alpha</>        7  a not…
    <green>a-rat…</>  12345…"
  `);
});

test('wide characters take two columns, combining ones none', () => {
  expect(['abc', 'é', 'e\u0301', '日本', '🐘'].map(displayWidth)).toEqual([3, 1, 1, 4, 2]);
  expect(cut('日本語', 5)).toBe('日本…');
  expect(cut('日本語', 4)).toBe('日…');
  expect(cut('abc', 3)).toBe('abc');
});

test('a narrow terminal leaves columns out before it cuts what is copied from them', () => {
  const columns = [
    { title: 'ID', text: () => 'shop.n1.host-1' },
    { title: 'LESS', text: () => 'something', drop: 1 },
    { title: 'LEAST', text: () => 'anything', drop: 2 },
    { title: 'NOTE', text: () => 'a note that is long enough to give', gives: true as const },
  ];
  const at = (width: number): string => table(columns, [0], { ...PLAIN, width });
  expect([60, 50, 45, 30, 20].map(at).join('\n\n')).toMatchInlineSnapshot(`
    "ID              LESS       LEAST     NOTE
    shop.n1.host-1  something  anything  a note that is long en…

    ID              LESS       LEAST     NOTE
    shop.n1.host-1  something  anything  a note that …

    ID              LESS       NOTE
    shop.n1.host-1  something  a note that is lo…

    ID              NOTE
    shop.n1.host-1  a note that i…

    ID         NOTE
    shop.n1.…  a note t…"
  `);
});
