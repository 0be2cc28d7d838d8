import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { EXIT, EXIT_MEANINGS } from '../../src/errors.ts';
import { DOCUMENT_KINDS } from '../../src/ui/document-kinds.ts';
import { COMMANDS, everyCommand } from '../../commands/registry.ts';
import { GLOBAL_OPTIONS, OTHER_VARIABLES } from '../../commands/shared/global-options.ts';
import { TOPIC_NAMES } from '../../commands/shared/help/topics.ts';
import { sourceFiles } from '../house/source-files.ts';
import { emptyHome, pgctl } from './run.ts';

const { home, remove } = emptyHome();
afterAll(remove);
const env = { HOME: home };
const help = async (...argv: string[]): Promise<string> => {
  const { code, stdout, stderr } = await pgctl(argv, { env });
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
};

describe('help', () => {
  it.each([
    [['help'], ['--help']],
    [
      ['help', 'db'],
      ['db', '--help'],
    ],
    [
      ['help', 'db', 'create'],
      ['db', 'create', '--help'],
    ],
    [
      ['db', 'help', 'create'],
      ['db', 'create', '--help'],
    ],
    [
      ['help', 'recover'],
      ['recover', '--help'],
    ],
    [
      ['help', 'help'],
      ['help', '--help'],
    ],
  ])('%j is the same as %j', async (given, same) => {
    const text = await help(...given);
    expect(text).toBe(await help(...same));
    expect(text).toContain('Usage: pgctl');
  });

  it.each(TOPIC_NAMES)('on %s is as it was', async (topic) => {
    expect(await help('help', topic)).toMatchSnapshot();
  });

  it('on a topic is one document under -o json', async () => {
    expect(JSON.parse(await help('help', 'output', '-o', 'json'))).toMatchObject({
      kind: 'Help',
      topic: 'output',
      text: expect.stringContaining('stdout'),
    });
  });

  it('on what there is none of says what was meant', async () => {
    const { code, stderr } = await pgctl(['help', 'enviroment'], { env });
    expect([code, stderr]).toEqual([64, expect.stringContaining('did you mean "environment"?')]);
    expect((await pgctl(['help', 'recovr'], { env })).stderr).toContain('did you mean "recover"?');
  });

  it('of every command ends with an example of it', async () => {
    for (const { words } of everyCommand()) {
      const text = await help(...words, '--help');
      const examples = text.slice(text.search(/^Examples?:$/m));
      expect(examples, words.join(' ')).toMatch(new RegExp(`^  pgctl ${words.join(' ')}`, 'm'));
    }
  });

  it('names every command once', async () => {
    const text = await help('--help');
    for (const word of Object.keys(COMMANDS))
      expect(text.match(new RegExp(`^  ${word} `, 'gm'))).toHaveLength(1);
  });
});

describe('the tables that help is made of', () => {
  it('have every variable that is looked at', async () => {
    const known = new Set([
      ...GLOBAL_OPTIONS.flatMap(({ env: variable }) => variable ?? []),
      ...Object.keys(OTHER_VARIABLES),
      // Where programs are is everybody's.
      'PATH',
    ]);
    // What steps and resources print is markers for hosts, in their own shells.
    const files = (await sourceFiles()).filter(
      ({ path }) => !/^src\/(steps|resources)\//.test(path) && /^(bin|commands|src)\/.*\.ts$/.test(path),
    );
    const used = files.flatMap(({ text }) =>
      [...text.matchAll(/\benv\.([A-Z][A-Z_]+)|\benv\['([A-Z_]+)'\]|\b(PGCTL_[A-Z_]+)/g)].map(
        ([, dotted, bracketed, named]) => dotted ?? bracketed ?? named ?? '',
      ),
    );
    expect(used.length).toBeGreaterThan(20);
    expect([...new Set(used)].filter((name) => !known.has(name))).toEqual([]);
  });

  it('are what the README says of exit codes', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const signals = new Set(['sighup', 'sigint', 'sigterm']);
    const names = Object.keys(EXIT) as (keyof typeof EXIT)[];
    for (const name of names.filter((one) => !signals.has(one)))
      expect(readme).toContain(`| ${EXIT[name]} | ${EXIT_MEANINGS[name]} |`);
  });

  it('have every kind of document that a command prints', async () => {
    const files = (await sourceFiles()).filter(({ path }) => /^commands\/.*\.ts$/.test(path));
    const kinds = files.flatMap(({ text }) =>
      [...text.matchAll(/kind: '([A-Z][A-Za-z]+)'/g)].map(([, kind]) => kind ?? ''),
    );
    expect(kinds.length).toBeGreaterThan(10);
    // A saved plan is a file that pgctl takes back; it is never printed.
    const printed = [...new Set(kinds)].filter((kind) => kind !== 'SavedPlan');
    expect(printed.filter((kind) => !Object.hasOwn(DOCUMENT_KINDS, kind))).toEqual([]);
  });
});
