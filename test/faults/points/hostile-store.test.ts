import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, pgctl } from '../../commands/run.ts';
import { seedOf } from '../fuzz-seed.ts';
import { hostileName, isArgument } from '../hostile.ts';
import { PointsWorld } from './world.ts';

/** How many hostile names are tried on every command that takes one. */
const NAMES = 40;
const LIMIT_MS = 1_000;

let world: PointsWorld;
let touched: string;
const tasks: Record<string, string> = {};

const run = (args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> =>
  pgctl([...args, '-o', 'json', '--no-input'], { env: { ...world.env, ...env } });

/** With an ssh that only tells that it was called. */
const withoutHosts = (): Record<string, string> => ({ PGCTL_SSH: touched.replace(/touched$/, 'ssh') });

/** Every key with its value, and how often it was written. */
const contents = async (): Promise<readonly string[]> =>
  (await world.store.kv.range('/')).map(({ key, version, value }) => `${key} ${version} ${value.toString()}`);

async function put(key: string, value: string): Promise<() => Promise<void>> {
  const before = await world.store.kv.get(key);
  const set = async (text: string | null): Promise<void> => {
    const op = text === null ? ({ op: 'delete', key } as const) : ({ op: 'put', key, value: text } as const);
    await world.store.kv.txn({ compare: [], success: [op], failure: [] });
  };
  await set(value);
  return () => set(before?.value.toString() ?? null);
}

const specOf = (id: string, host: string, workMem = '4MB'): Promise<string> =>
  world.spec(
    `id: ${id}\nnodes: [{name: n1, host_ids: [${host}]}]\npostgresql_conf: {work_mem: ${workMem}}\n` +
      'database_users: [{username: app, password: canary, db_owner: true}]\n',
  );

beforeAll(async () => {
  world = await PointsWorld.start(['host-1', 'host-2']);
  touched = join(world.machines.dir, 'touched');
  writeFileSync(withoutHosts()['PGCTL_SSH'] ?? '', `#!/bin/sh\n: > ${touched}\n`, { mode: 0o700 });
  for (const [id, host] of [
    ['shop', 'host-1'],
    ['blog', 'host-2'],
  ] as const) {
    const { code, stdout } = await run(['db', 'create', '-f', await specOf(id, host)]);
    expect([code, code === 0 ? '' : stdout]).toEqual([0, '']);
    tasks[id] = (JSON.parse(stdout) as { task: { task_id: string } }).task.task_id;
  }
});
afterAll(() => world?.stop());

describe('a name that nothing has', () => {
  /** Commands by what they do with a name. */
  const COMMANDS: readonly ((name: string) => readonly string[])[] = [
    ...['get', 'delete', 'restart', 'psql'].map((verb) => (name: string) => [
      'db',
      verb,
      '--yes',
      '--',
      name,
    ]),
    ...['get', 'restart', 'stop', 'start', 'logs'].map((verb) => (name: string) => [
      'instance',
      verb,
      '--',
      name,
    ]),
    ...['get', 'check', 'remove'].map((verb) => (name: string) => ['host', verb, '--', name]),
    ...['get', 'logs', 'cancel', 'resume'].map((verb) => (name: string) => ['task', verb, '--', name]),
    (name) => ['db', 'get', name],
    (name) => ['db', 'plan', `--delete=${name}`],
    (name) => ['db', 'create', `--hosts=${name}`, '--', 'new'],
    (name) => ['db', 'apply', '--hosts=host-1', '--', name],
    (name) => ['db', 'psql', 'shop', `--instance=${name}`],
    (name) => ['recover', `--remove-host=${name}`, '--yes', '--force', '--allow-data-loss'],
    (name) => ['task', 'list', `--database=${name}`],
    (name) => ['instance', 'list', `--database=${name}`],
    (name) => ['instance', 'list', `--host=${name}`],
  ];

  it('is refused, or found nowhere, by every command: nothing is run, and nothing is written', async () => {
    const seed = seedOf('hostile names');
    const name = hostileName.filter((text) => isArgument(text) && !['shop', 'blog'].includes(text));
    const before = await contents();
    // Loads the commands; that is not what is measured.
    for (const command of COMMANDS) await run(command('nothing'), withoutHosts());
    for (const command of COMMANDS) {
      const tried = fc.sample(name, { numRuns: NAMES, seed });
      for (const each of tried) {
        const args = command(each);
        const began = process.cpuUsage();
        const { code, stdout, stderr } = await run(args, withoutHosts());
        const { user, system } = process.cpuUsage(began);
        const shown = JSON.stringify(args).slice(0, 200);
        const isList = args[1] === 'list';
        expect([shown, isList ? [0, 64] : [5, 64]]).toEqual([shown, expect.arrayContaining([code])]);
        expect(`${stdout}${stderr}`).not.toContain('unexpectedly');
        expect(stdout).not.toMatch(/[\u001b\u202e]/);
        expect([shown, (user + system) / 1000 < LIMIT_MS]).toEqual([shown, true]);
      }
    }
    expect(existsSync(touched)).toBe(false);
    const isLease = (line: string): boolean => line.startsWith('/pgctl/patroni/');
    expect((await contents()).filter((line) => !isLease(line))).toEqual(
      before.filter((line) => !isLease(line)),
    );
  }, 300_000);
});

/** What stands where a record should be. */
const FOREIGN = [
  '',
  'not JSON',
  '[]',
  'null',
  '{}',
  '{"database_id":"blog"}',
  '\u0000\u00ff',
  `{"a":${'['.repeat(5000)}`,
];

interface Kind {
  readonly key: () => string;
  /** What the commands about the database it belongs to come to. */
  readonly broken: readonly (readonly string[])[];
  /** Codes that they may end with; all but 0 name the key. */
  readonly codes: readonly number[];
}

const OPERATIONS = [
  ['db', 'restart', 'shop'],
  ['instance', 'stop', 'shop.n1.host-1'],
  ['db', 'delete', 'shop', '--yes'],
];

/** Every kind of record of the database `shop`, or of its host. */
const KINDS: Readonly<Record<string, Kind>> = {
  database: {
    key: () => '/pgctl/v1/databases/shop',
    broken: [['db', 'get', 'shop'], ...OPERATIONS],
    codes: [7],
  },
  instance: {
    key: () => '/pgctl/v1/instances/shop/shop.n1.host-1',
    broken: [['instance', 'get', 'shop.n1.host-1'], ...OPERATIONS],
    codes: [7],
  },
  resource: {
    key: () => '/pgctl/v1/resources/shop/directory/shop.n1.host-1',
    broken: OPERATIONS,
    codes: [7],
  },
  secret: { key: () => '/pgctl/v1/secrets/shop/superuser', broken: OPERATIONS, codes: [7] },
  host: {
    key: () => '/pgctl/v1/hosts/host-1',
    broken: [
      ['host', 'get', 'host-1'],
      ['host', 'check', 'host-1'],
      ['host', 'remove', 'host-1'],
    ],
    codes: [7],
  },
  'instance status': {
    key: () => '/pgctl/v1/instance_statuses/shop/shop.n1.host-1',
    broken: [['db', 'restart', 'shop']],
    codes: [7],
  },
  lock: { key: () => '/pgctl/v1/locks/databases/shop', broken: [['db', 'restart', 'shop']], codes: [4] },
  task: {
    key: () => `/pgctl/v1/tasks/${tasks['shop'] ?? ''}`,
    broken: [
      ['task', 'get', tasks['shop'] ?? ''],
      ['task', 'resume', tasks['shop'] ?? ''],
    ],
    codes: [7],
  },
  port: { key: () => '/pgctl/v1/ports/host-1/5432', broken: [], codes: [] },
};

describe('a value that pgctl did not write', () => {
  const others = async (): Promise<void> => {
    for (const args of [
      ['db', 'get', 'blog'],
      ['db', 'list'],
      ['status'],
      ['task', 'list'],
      ['host', 'list'],
    ])
      expect([args, (await run(args)).code]).toEqual([args, 0]);
    const { code, stdout } = await run(['db', 'apply', '-f', await specOf('blog', 'host-2')]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('"changed": false')]);
    const listed = JSON.parse((await run(['db', 'list'])).stdout) as { items: { id: string }[] };
    expect(listed.items.map(({ id }) => id)).toContain('blog');
  };

  it.each(Object.keys(KINDS))(
    'as a %s names its key where it matters, and leaves the rest working',
    async (name) => {
      const { key, broken, codes } = KINDS[name] as Kind;
      for (const [n, value] of FOREIGN.entries()) {
        const restore = await put(key(), value);
        try {
          if (n < 2) await others();
          const warned = await run(['status']);
          if (!['port', 'task', 'resource', 'secret'].includes(name)) expect(warned.stdout).toContain(key());
          for (const args of broken) {
            const before = await contents();
            const words = args.map((word) => (word === '' ? (tasks['shop'] ?? '') : word));
            const { code, stdout, stderr } = await run(words, withoutHosts());
            expect([words, JSON.stringify(value).slice(0, 40), code, stdout]).toEqual([
              words,
              expect.anything(),
              codes[0],
              expect.stringContaining(key()),
            ]);
            expect(stderr).not.toContain('unexpectedly');
            const own = (lines: readonly string[]): readonly string[] =>
              lines.filter((line) => !/^\/pgctl\/(patroni|v1\/locks)\//.test(line));
            expect(own(await contents())).toEqual(own(before));
          }
        } finally {
          await restore();
        }
      }
      expect(existsSync(touched)).toBe(false);
      await others();
    },
  );

  it('in the place of the meta record is told, and nothing is changed', async () => {
    for (const value of FOREIGN) {
      const restore = await put('/pgctl/v1/meta', value);
      const { code, stdout } = await run(['db', 'restart', 'shop'], withoutHosts());
      expect((await run(['db', 'get', 'shop'])).code).toBe(0);
      await restore();
      expect([code, stdout]).toEqual([7, expect.stringContaining('/pgctl/v1/meta')]);
    }
  });
});

describe('a store of a newer format', () => {
  it('is read, with a word about it, and not written to', async () => {
    const meta = await world.store.kv.get('/pgctl/v1/meta');
    const newer = { ...(JSON.parse(meta?.value.toString() ?? '{}') as object), format: 2 };
    const restore = await put('/pgctl/v1/meta', JSON.stringify(newer));
    try {
      const before = await contents();
      const spec = await specOf('shop', 'host-1', '8MB');
      for (const args of [
        ...[
          ['db', 'apply', '-f', spec],
          ['db', 'create', '-f', await specOf('new', 'host-1')],
        ],
        ...[
          ['db', 'delete', 'shop', '--yes'],
          ['db', 'restart', 'shop'],
          ['instance', 'stop', 'shop.n1.host-1'],
        ],
        ...[['host', 'remove', 'host-2']],
        ['recover', '--remove-host', 'host-1', '--force', '--allow-data-loss', '--yes'],
      ]) {
        const { code, stdout } = await run(args, withoutHosts());
        const { code: error } = JSON.parse(stdout) as { code?: string };
        expect([args, code, error]).toEqual([args, 7, 'store_newer']);
      }
      const stays = (lines: readonly string[]): readonly string[] =>
        lines.filter((line) => !line.startsWith('/pgctl/patroni/'));
      expect(stays(await contents())).toEqual(stays(before));
      for (const args of [
        ['db', 'list'],
        ['db', 'get', 'shop'],
        ['status'],
        ['task', 'list'],
        ['host', 'list'],
      ]) {
        const { code, stderr } = await run(args);
        expect([args, code, stderr]).toEqual([args, 0, expect.stringContaining('upgrade')]);
      }
    } finally {
      await restore();
    }
    expect((await run(['db', 'list'])).stderr).toBe('');
  });
});

describe('a user of etcd who may only read', () => {
  /** Logs in with a password of a file, as an operator does. */
  const as = (user: string): Record<string, string> => {
    const file = join(world.machines.dir, `password-of-${user}`);
    writeFileSync(file, `word-of-${user}\n`, { mode: 0o600 });
    return { ...withoutHosts(), PGCTL_ETCD_USER: user, PGCTL_ETCD_PASSWORD_FILE: file };
  };

  beforeAll(async () => {
    const etcdctl = (...args: readonly string[]) =>
      promisify(execFile)('etcdctl', [`--endpoints=${world.env['PGCTL_ENDPOINTS'] ?? ''}`, ...args], {
        env: { PATH: process.env['PATH'], ETCDCTL_API: '3' },
      });
    await etcdctl('role', 'add', 'reader');
    await etcdctl('role', 'grant-permission', '--prefix=true', 'reader', 'read', '/pgctl/');
    for (const [user, role] of [
      ['root', 'root'],
      ['rob', 'reader'],
      ['eve', null],
    ] as const) {
      if (role === 'root') await etcdctl('role', 'add', role);
      await etcdctl('user', 'add', `${user}:word-of-${user}`);
      if (role !== null) await etcdctl('user', 'grant-role', user, role);
    }
    await etcdctl('auth', 'enable');
  });

  const task = (): string => tasks['shop'] ?? '';

  it('reads everything', async () => {
    for (const args of [
      ...[['db', 'list'], ['db', 'get', 'shop'], ['db', 'plan', '--delete', 'nothing'], ['status']],
      ...[
        ['instance', 'list'],
        ['instance', 'get', 'shop.n1.host-1'],
        ['host', 'list'],
        ['host', 'get', 'host-1'],
      ],
      ...[
        ['task', 'list'],
        ['task', 'get', task()],
        ['task', 'logs', task()],
      ],
    ]) {
      const { code, stderr } = await run(args, as('rob'));
      expect([args, code, stderr]).toEqual([args, args.includes('nothing') ? 5 : 0, '']);
    }
  });

  it('is told no before a host is touched, and what it takes', async () => {
    for (const args of [
      ['db', 'create', '-f', await specOf('new', 'host-1')],
      ['db', 'apply', '-f', await specOf('shop', 'host-1', '8MB')],
      ...[
        ['db', 'restart', 'shop'],
        ['db', 'delete', 'shop', '--yes'],
      ],
      ...[
        ['instance', 'stop', 'shop.n1.host-1'],
        ['instance', 'restart', 'shop.n1.host-1'],
      ],
      ...[['host', 'check', 'host-1']],
      ['recover', '--remove-host', 'host-1', '--force', '--allow-data-loss', '--yes'],
      ['host', 'add', 'host-3', '--address', 'host-3', '--accept-host-key', '--clean'],
    ]) {
      const { code, stdout } = await run(args, as('rob'));
      const error = JSON.parse(stdout) as { code?: string; hint?: string };
      expect([args, code, error.code, error.hint ?? '']).toEqual([
        args,
        7,
        'etcd_refused',
        expect.stringMatching(/permission|etcd-user/),
      ]);
    }
    expect(existsSync(touched)).toBe(false);
  });

  it('is told no at all where it has no role', async () => {
    const { code, stdout } = await run(['db', 'list'], as('eve'));
    expect([code, stdout]).toEqual([7, expect.stringContaining('etcd_refused')]);
  });
});
