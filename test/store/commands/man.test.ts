import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { everyCommand } from '../../../commands/registry.ts';
import { TOPIC_NAMES } from '../../../commands/shared/help/topics.ts';
import { emptyHome, pgctl } from '../../commands/run.ts';

const { home, remove } = emptyHome();
const dir = join(home, 'man');
afterAll(remove);
beforeAll(async () => {
  expect(await pgctl(['help', '--man', dir], { env: { HOME: home } })).toMatchObject({ code: 0, stderr: '' });
});
const pages = (section: number): string[] => readdirSync(join(dir, `man${section}`)).sort();

it('there is a page of every command and every topic', () => {
  const commands = everyCommand().map(({ words }) => `pgctl-${words.join('-')}.1`);
  expect(pages(1)).toEqual(['pgctl.1', ...commands].sort());
  expect(pages(7)).toEqual(TOPIC_NAMES.map((name) => `pgctl-${name}.7`).sort());
});

it('mandoc finds nothing wrong with any', () => {
  for (const section of [1, 7]) {
    for (const page of pages(section)) {
      // A page without a date is one that is the same for the same version.
      const said = execFileSync(
        'sh',
        [
          '-c',
          'mandoc -T lint -W warning "$1" 2>&1 | grep -v "missing date" || :',
          'sh',
          join(dir, `man${section}`, page),
        ],
        { encoding: 'utf8' },
      );
      expect(said).toBe('');
    }
  }
});

it('it reads as the help does', () => {
  const shown = execFileSync(
    'sh',
    ['-c', 'mandoc -T ascii "$1" | sed "s/.\\x08//g"', 'sh', join(dir, 'man1', 'pgctl-db-create.1')],
    {
      encoding: 'utf8',
    },
  );
  expect(shown).toContain('pgctl db create [options] [database]');
  expect(shown).toContain('--hosts <ids>');
  expect(shown).toMatch(/EXAMPLES\s+pgctl db create -f shop\.yaml/);
  expect(readFileSync(join(dir, 'man7', 'pgctl-environment.7'), 'utf8')).toContain('PGCTL_ENDPOINTS');
});
