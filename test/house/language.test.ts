import { expect, test } from 'vitest';
import { ROOT, type SourceFile, sourceFiles } from './source-files.ts';

interface Rule {
  readonly name: string;
  readonly files: RegExp;
  readonly pattern: RegExp;
  /** What breaks it, put together so that this file does not. */
  readonly planted: string;
}

const escaped = ROOT.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** A checkout at the top of a file system has a path that other texts may rightly contain. */
const here = ROOT.split('/').length > 2 ? `|${escaped}(?![\\w-])` : '';

const RULES: readonly Rule[] = [
  {
    name: 'an open end is an issue, not a comment',
    files: /./,
    pattern: new RegExp(`\\b(TO${'DO'}|FIX${'ME'})\\b`),
    planted: `// TO${'DO'}: later`,
  },
  {
    name: 'no path of somebody’s machine',
    files: /./,
    pattern: new RegExp(`/(home|Users)/[a-z][\\w-]*/${here}`),
    planted: `const data = '/ho${'me'}/alice/data';`,
  },
  {
    name: 'no test is left out, and none runs alone',
    files: /^test\/.*\.ts$/,
    pattern: new RegExp(`\\b(describe|test|it|bench)(\\.\\w+)*\\.(on${'ly'}|sk${'ip'})\\b`),
    planted: `test.sk${'ip'}('slow', () => {});`,
  },
  {
    name: 'no debugger',
    files: /\.ts$/,
    pattern: new RegExp(`\\bdebug${'ger'};`),
    planted: `debug${'ger'};`,
  },
];

function breaches(files: readonly SourceFile[], { files: where, pattern }: Rule): string[] {
  return files
    .filter(({ path }) => where.test(path))
    .flatMap(({ path, text }) =>
      text
        .split('\n')
        .flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
    );
}

const files = await sourceFiles();

test.each(RULES)('$name', (rule) => {
  expect(files.length).toBeGreaterThan(20);
  expect(breaches(files, rule)).toEqual([]);
});

test.each(RULES)('the rule holds: $name', (rule) => {
  expect(breaches([{ path: 'test/planted.ts', text: rule.planted }], rule)).toHaveLength(1);
});
