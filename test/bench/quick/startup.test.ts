import { execa } from 'execa';
import { it } from 'vitest';
import { PROGRAM } from '../../e2e/pgctl.ts';
import { compare } from '../comparison.ts';

const node = async (...args: readonly string[]): Promise<void> => {
  await execa('node', args, { env: { PATH: process.env['PATH'] ?? '' }, extendEnv: false });
};

it.each([
  ['--version', 1.4],
  ['--help', 1.6],
])('pgctl %s takes little more than Node itself', async (option, atMost) => {
  await compare({
    what: `\`pgctl ${option}\``,
    against: '`node -e 0`',
    atMost,
    rounds: 30,
    ours: () => node(PROGRAM, option),
    theirs: () => node('-e', '0'),
  });
});
