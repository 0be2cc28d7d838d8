import { existsSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyHome, type Outcome, pgctl } from '../commands/run.ts';
import { hostileName, isArgument } from './hostile.ts';
import { type Content, HUGE, hostileSpec } from './hostile-specs.ts';
import { seedOf } from './fuzz-seed.ts';

const seed = seedOf('hostile specs');
const SPECS = 8_500;
const ARGUMENTS = 1_500;
const LIMIT_MS = 1_000;

const COMMANDS = ['spec validate', 'db create', 'db list', 'host add', 'instance list'].map((words) =>
  words.split(' '),
);

const { home, remove } = emptyHome();
const touched = join(home, 'touched');
const stray = join(home, 'stray');
const env: Record<string, string> = { HOME: home, PGCTL_SSH: join(home, 'ssh') };
let etcd: Server;
let calls = 0;

beforeAll(async () => {
  // Stand-ins that only tell that they were called: nothing may come that far.
  writeFileSync(env['PGCTL_SSH'] ?? '', `#!/bin/sh\n: > ${touched}\n`, { mode: 0o700 });
  etcd = createServer((socket) => {
    calls += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => etcd.listen(0, '127.0.0.1', resolve));
  const address = etcd.address();
  // Loads the commands; that is not what is measured.
  for (const command of COMMANDS) await pgctl([...command, '--help'], { env });
  env['PGCTL_ENDPOINTS'] = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterAll(() => {
  etcd.close();
  remove();
});

/** What it takes of a processor is what counts: what else the machine does is not pgctl's. */
async function timed(argv: readonly string[], stdin: Content = '', own = env): Promise<Outcome> {
  const began = process.cpuUsage();
  const outcome = await pgctl(argv, { env: own, stdin });
  const { user, system } = process.cpuUsage(began);
  expect((user + system) / 1000, `milliseconds for ${argv.join(' ').slice(0, 200)}`).toBeLessThan(LIMIT_MS);
  return outcome;
}

/** Every error has its place in the file and is one line that a terminal can show. */
function expectLocated(stdout: string): void {
  const error = JSON.parse(stdout) as { code: string; details: readonly string[] };
  expect(error.code).toBe('invalid_spec');
  expect(error.details.length).toBeGreaterThan(0);
  for (const line of error.details) {
    expect(line).toMatch(/^<stdin>:[1-9]\d*:[1-9]\d*: ./);
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
  }
}

const asText = (value: unknown): string =>
  typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
const isEmpty = (value: unknown): boolean =>
  value === false || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);

/** The paths of what was written and is not in what was kept; passwords are not to be. */
function lost(written: unknown, kept: unknown, path: readonly string[] = []): string[] {
  const name = path.at(-1) ?? '';
  if (name === 'password') return kept === undefined ? [] : [path.join('.')];
  if (kept === undefined) return isEmpty(written) ? [] : [path.join('.')];
  if (typeof written === 'object' && written !== null) {
    const lower = path.at(-1) === 'postgresql_conf';
    return Object.entries(written).flatMap(([key, value]) =>
      lost(value, (kept as Record<string, unknown>)[lower ? key.toLowerCase() : key], [...path, key]),
    );
  }
  const normal = path.at(-2) === 'attributes' ? asText(written).toUpperCase() : asText(written);
  return asText(kept) === normal ? [] : [path.join('.')];
}

const given: { valid: number; invalid: number } = { valid: 0, invalid: 0 };

async function checkSpec(content: Content): Promise<void> {
  const argv = ['spec', 'validate', '-', '-o', 'json'];
  const { code, stdout, stderr } = await timed(argv, content);
  expect(stderr).toBe('');
  expect(stdout).not.toContain('canary');
  if (code === 64) {
    given.invalid += 1;
    expectLocated(stdout);
    return;
  }
  expect(code).toBe(0);
  given.valid += 1;
  const { spec } = JSON.parse(stdout) as { spec: Record<string, unknown> };
  const again = await timed(argv, JSON.stringify(spec));
  expect((JSON.parse(again.stdout) as { spec: unknown }).spec).toEqual(spec);
  // JSON says by itself what was meant; of YAML only a second reader could.
  const written = typeof content === 'string' && content.startsWith('{') ? parsed(content) : undefined;
  if (written !== undefined) expect(lost(written, spec)).toEqual([]);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function expectNothingRan(): void {
  expect(calls).toBe(0);
  expect(existsSync(touched)).toBe(false);
  expect(existsSync(stray)).toBe(false);
}

describe('a file that is no good spec', () => {
  it(`is refused with its places, or kept exactly, ${SPECS} times`, { timeout: 120_000 }, async () => {
    await fc.assert(fc.asyncProperty(hostileSpec, checkSpec), { numRuns: SPECS, seed, endOnFailure: true });
    // The cases are worth something only while both ends are reached.
    expect(given.valid).toBeGreaterThan(SPECS / 20);
    expect(given.invalid).toBeGreaterThan(SPECS / 4);
    expectNothingRan();
  });

  it.each(
    HUGE.map((content) => [content.length / 1024 / 1024, String.fromCharCode(Number(content[0])), content]),
  )('is refused at once with %d MB of %j', async (_size, _character, content) => {
    const { code, stdout } = await timed(['spec', 'validate', '-', '-o', 'json'], content);
    expect(code).toBe(64);
    expectLocated(stdout);
    expect(stdout).toContain('a spec is much smaller');
  });

  it.each(['-oProxyCommand=x', '$(touch stray)', "'; drop table x", '../..', 'größe 🐘.yaml'])(
    'may be called %j',
    async (name) => {
      const outcome = await timed(['spec', 'validate', '-o', 'json', '--', join(home, name)]);
      expect(outcome.code).toBe(64);
      const bare = await timed(['db', 'create', '-o', 'json', `--file=${name}`]);
      expect([bare.code, (JSON.parse(bare.stdout) as { code: string }).code]).toEqual([64, 'invalid_spec']);
      expectNothingRan();
    },
  );

  it('may be one that never ends', async () => {
    const { code, stdout } = await timed(['spec', 'validate', '/dev/zero', '-o', 'json']);
    expect([code, stdout]).toEqual([64, expect.stringContaining('a spec is much smaller')]);
  });
});

/** The options of commands that are looked at before anything is reached, each with what else it takes. */
const ADD = ['host', 'add', 'host-1', '--address', '10.0.0.1'];
const CREATE = ['db', 'create', 'shop', '--hosts', 'host-1'];
const LIST = ['db', 'list'];
const OPTIONS: readonly (readonly [before: readonly string[], option: string])[] = [
  [['host', 'add', 'host-1'], '--address'],
  ...['--user', '--port', '--base-dir', '--advertise', '--host-endpoints', '--label', '--identity-file'].map(
    (option) => [ADD, option] as const,
  ),
  [['host', 'add', '--address', '10.0.0.1'], '--'],
  ...['--port', '--postgres-version', '--hosts'].map((option) => [CREATE, option] as const),
  [['db', 'create', '--hosts', 'host-1'], '--'],
  ...['--prefix', '--context', '--output', '--color', '--parallel', '--timeout', '--lock-timeout'].map(
    (option) => [LIST, option] as const,
  ),
  ...['--connect-timeout', '--etcd-password-file', '--cacert'].map((option) => [LIST, option] as const),
  [['instance', 'list'], '--state'],
];

describe('an argument that is none', () => {
  it(`is refused before anything is reached, ${ARGUMENTS} times`, { timeout: 60_000 }, async () => {
    const argument = hostileName.filter(isArgument);
    // What could be one after all is taken for one, and then there is no etcd to ask.
    const nowhere = { HOME: home, PGCTL_SSH: env['PGCTL_SSH'] ?? '' };
    let refused = 0;
    const property = fc.asyncProperty(
      fc.constantFrom(...OPTIONS),
      argument,
      async ([before, option], value) => {
        const words = option === '--' ? [option, value] : [`${option}=${value}`];
        const { code, stdout, stderr } = await timed([...before, ...words, '--no-input'], '', nowhere);
        expect([code, stdout]).toEqual([64, '']);
        expect(stderr).not.toContain('unexpectedly');
        expect(stderr).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202e]/);
        if (!stderr.includes('no etcd is known')) refused += 1;
      },
    );
    await fc.assert(property, { numRuns: ARGUMENTS, seed, endOnFailure: true });
    expect(refused).toBeGreaterThan(ARGUMENTS / 2);
    expectNothingRan();
  });
});
