import { expect, test } from 'vitest';
import { PURE } from './import-rules.ts';
import { impurities } from './purity.ts';
import { sourceFiles } from './source-files.ts';

const files = (await sourceFiles()).filter(
  ({ path }) => PURE.some((folder) => path.startsWith(`${folder}/`)) && path.endsWith('.ts'),
);

test('planning, resources, steps and records read no clock, no randomness and no process', () => {
  expect(files.length).toBeGreaterThan(10);
  expect(files.flatMap(impurities)).toEqual([]);
});

test.each([
  ['const at = Date.now();', 'Date.now'],
  ['const at = new Date();', 'new Date()'],
  ['const n = Math.random();', 'Math.random'],
  ["import { randomBytes } from 'node:crypto';", 'randomBytes'],
  ['const user = process.env.USER;', 'process.env'],
  ['const t = performance.now();', 'performance.now'],
  ['setTimeout(() => 1, 1);', 'setTimeout(() => 1, 1)'],
])('are found: %s', (text, found) => {
  expect(impurities({ path: 'src/plan/planted.ts', text })).toEqual([`src/plan/planted.ts:1: ${found}`]);
});

test.each([
  'const at = new Date(given);',
  "import { process } from '../resources/process.ts';\nexport const type = process.type;",
  "import { createHash } from 'node:crypto';\nexport const hash = createHash('sha256');",
])('are not found where there are none: %s', (text) => {
  expect(impurities({ path: 'src/plan/planted.ts', text })).toEqual([]);
});
