import { describe, expect, it } from 'vitest';
import { LOCAL_MACHINE } from '../../plans/placement.ts';
import {
  FACTS,
  host,
  instanceRecord,
  localHost,
  place,
  placed,
  type PlacementChanges,
  spec,
  withPostgres,
} from './fixtures.ts';

const reserved = (domain: string, ports: Record<number, string>): NonNullable<PlacementChanges['reserved']> =>
  new Map([[domain, new Map(Object.entries(ports).map(([port, by]) => [Number(port), by]))]]);
const listening = (where: Record<string, number[]>): NonNullable<PlacementChanges['listening']> =>
  new Map(Object.entries(where).map(([id, ports]) => [id, new Set(ports)]));

const LOCALS = [1, 2, 3].map((n) => localHost(n));
const LOCAL_SPEC = { hosts: ['local-1', 'local-2', 'local-3'] };

describe('ports', () => {
  it.each<[title: string, changes: PlacementChanges, ports: [port: number, patroniPort: number][]]>([
    [
      'are the first of all where nothing is',
      {},
      [
        [5432, 8008],
        [5432, 8008],
        [5432, 8008],
      ],
    ],
    [
      'are those of the spec',
      { spec: spec({ port: 6000, patroni_port: 7000 }) },
      [
        [6000, 7000],
        [6000, 7000],
        [6000, 7000],
      ],
    ],
    [
      'are those of the node before those of the database',
      { spec: spec({ port: 6000, node: { port: 6001, patroni_port: 7001 } }) },
      [
        [6001, 7001],
        [6001, 7001],
        [6001, 7001],
      ],
    ],
    [
      'skip what another database reserved on any of the hosts',
      {
        reserved: reserved('host-2', {
          5432: 'blog.n1.host-2',
          8008: 'blog.n1.host-2',
          5433: 'wiki.n1.host-2',
        }),
      },
      [
        [5434, 8009],
        [5434, 8009],
        [5434, 8009],
      ],
    ],
    [
      'skip what something listens on at any of the hosts',
      { listening: listening({ 'host-1': [5432], 'host-3': [5433, 8008] }) },
      [
        [5434, 8009],
        [5434, 8009],
        [5434, 8009],
      ],
    ],
    [
      'keep what the instance itself reserved, and listens on',
      {
        instances: [1, 2, 3].map((n) =>
          instanceRecord(`shop.n1.host-${n}`, { port: 5440, patroni_port: 8040 }),
        ),
        reserved: reserved('host-1', { 5440: 'shop.n1.host-1' }),
        listening: listening({ 'host-1': [5440, 8040] }),
      },
      [
        [5440, 8040],
        [5440, 8040],
        [5440, 8040],
      ],
    ],
    [
      'of a new member are those of the others',
      {
        instances: [1, 2].map((n) => instanceRecord(`shop.n1.host-${n}`, { port: 5440, patroni_port: 8040 })),
      },
      [
        [5440, 8040],
        [5440, 8040],
        [5440, 8040],
      ],
    ],
    [
      'are counted up on hosts that are one machine',
      { hosts: LOCALS, spec: spec(LOCAL_SPEC) },
      [
        [5432, 8008],
        [5433, 8009],
        [5434, 8010],
      ],
    ],
    [
      'are counted up from those of the spec there',
      { hosts: LOCALS, spec: spec({ ...LOCAL_SPEC, port: 6000, patroni_port: 7000 }) },
      [
        [6000, 7000],
        [6001, 7001],
        [6002, 7002],
      ],
    ],
    [
      'skip what is taken there, by whichever of the hosts',
      {
        hosts: LOCALS,
        spec: spec(LOCAL_SPEC),
        reserved: reserved(LOCAL_MACHINE, { 5433: 'blog.n1.local-1' }),
        listening: listening({ 'local-1': [5432], 'local-2': [5432], 'local-3': [5432] }),
      },
      [
        [5434, 8008],
        [5435, 8009],
        [5436, 8010],
      ],
    ],
    [
      'of Patroni skip the port that the spec gives Postgres',
      { spec: spec({ port: 8008 }) },
      [
        [8008, 8009],
        [8008, 8009],
        [8008, 8009],
      ],
    ],
    [
      'of Postgres skip the port that the spec gives Patroni',
      { spec: spec({ patroni_port: 5432 }) },
      [
        [5433, 5432],
        [5433, 5432],
        [5433, 5432],
      ],
    ],
    [
      'of Patroni skip what Postgres counts up to on one machine',
      { hosts: LOCALS, spec: spec({ ...LOCAL_SPEC, port: 8007 }) },
      [
        [8007, 8010],
        [8008, 8011],
        [8009, 8012],
      ],
    ],
    [
      'of instances there stay when one is added',
      {
        hosts: LOCALS,
        spec: spec(LOCAL_SPEC),
        instances: [
          instanceRecord('shop.n1.local-1', { port: 5433, patroni_port: 8009 }),
          instanceRecord('shop.n1.local-3', { port: 5432, patroni_port: 8008 }),
        ],
      },
      [
        [5433, 8009],
        [5434, 8010],
        [5432, 8008],
      ],
    ],
  ])('%s', (_title, changes, ports) => {
    expect(placed(changes).map(({ port, patroni_port }) => [port, patroni_port])).toEqual(ports);
  });
});

describe('a spec that does not fit', () => {
  it.each<[title: string, changes: PlacementChanges, issues: { path: string; message: string }[]]>([
    [
      'a host that is not registered',
      { hosts: [host(1), host(3)] },
      [
        {
          path: 'nodes[0].host_ids[1]',
          message:
            'host host-2 is not registered; register it with `pgctl host add host-2 --address …`, or name one of: host-1, host-3; did you mean "host-1"?',
        },
      ],
    ],
    [
      'no host at all',
      { hosts: [], spec: spec({ hosts: ['host-1'] }) },
      [
        {
          path: 'nodes[0].host_ids[0]',
          message:
            'host host-1 is not registered; register it with `pgctl host add host-1 --address …`, or name one of: (none yet)',
        },
      ],
    ],
    [
      'a port that another database reserved',
      { spec: spec({ port: 6000 }), reserved: reserved('host-2', { 6000: 'blog.n1.host-2' }) },
      [
        {
          path: 'port',
          message:
            'port 6000 of host host-2 is reserved for instance blog.n1.host-2; choose another, or leave it out to have a free one found',
        },
      ],
    ],
    [
      'the node’s own port for Patroni, taken as well',
      {
        spec: spec({ node: { patroni_port: 7000 } }),
        reserved: reserved('host-3', { 7000: 'blog.n1.host-3' }),
      },
      [
        {
          path: 'nodes[0].patroni_port',
          message:
            'port 7000 of host host-3 is reserved for instance blog.n1.host-3; choose another, or leave it out to have a free one found',
        },
      ],
    ],
    [
      'a port that another local host’s instance reserved',
      {
        hosts: LOCALS,
        spec: spec({ hosts: ['local-2'], port: 6000 }),
        reserved: reserved(LOCAL_MACHINE, { 6000: 'blog.n1.local-1' }),
      },
      [
        {
          path: 'port',
          message:
            'port 6000 of host local-2 is reserved for instance blog.n1.local-1; choose another, or leave it out to have a free one found',
        },
      ],
    ],
    [
      'ports that run out while they are counted up',
      { hosts: LOCALS, spec: spec({ ...LOCAL_SPEC, port: 65534 }) },
      [{ path: 'port', message: 'port 65536 of host local-3 is past 65535' }],
    ],
    [
      'ports of Postgres and Patroni that meet while they are counted up',
      { hosts: LOCALS, spec: spec({ ...LOCAL_SPEC, port: 6000, patroni_port: 6002 }) },
      [
        {
          path: 'patroni_port',
          message: 'port 6002 of host local-1 is a Postgres port of this database as well',
        },
      ],
    ],
    [
      'a local host beside a remote one that cannot reach it',
      { hosts: [host(1), localHost(2)], spec: spec({ hosts: ['host-1', 'local-2'] }) },
      [
        {
          path: 'nodes[0].host_ids[1]',
          message:
            "host local-2 is local, so the node's other hosts cannot reach it; add it again with `--advertise <address>`",
        },
      ],
    ],
  ])('names %s', (_title, changes, issues) => {
    expect(place(changes)).toEqual({ ok: false, issues, findings: [] });
  });
});

describe('a host that does not fit', () => {
  const base = `/srv/${'x'.repeat(70)}`;
  it.each<[title: string, changes: PlacementChanges, findings: { host: string; message: string }[]]>([
    [
      'without the version that the spec asks for',
      {
        spec: spec({ postgres_version: '17.4' }),
        hosts: [host(1), host(2, { facts: withPostgres('15.9') }), host(3, { facts: withPostgres() })],
      },
      [
        {
          host: 'host-2',
          message:
            'PostgreSQL 17 is not installed (it has: 15.9); after installing it, run `pgctl host check host-2`',
        },
        {
          host: 'host-3',
          message:
            'PostgreSQL 17 is not installed (it has: none); after installing it, run `pgctl host check host-3`',
        },
      ],
    ],
    [
      'without a version in common with the others',
      {
        hosts: [host(1), host(2, { facts: withPostgres('15.9') })],
        spec: spec({ hosts: ['host-1', 'host-2'] }),
      },
      [
        { host: 'host-1', message: 'the hosts have no major version of PostgreSQL in common (it has: 17.5)' },
        { host: 'host-2', message: 'the hosts have no major version of PostgreSQL in common (it has: 15.9)' },
      ],
    ],
    [
      'without Patroni',
      { hosts: [host(1), host(2, { facts: { ...FACTS, patroni: null } }), host(3)] },
      [
        {
          host: 'host-2',
          message: 'Patroni is not installed; after installing it, run `pgctl host check host-2`',
        },
      ],
    ],
    [
      'that nobody looked at',
      { hosts: [host(1), host(2), host(3, { facts: null })], spec: spec({ postgres_version: '17' }) },
      [{ host: 'host-3', message: 'its facts were never gathered; run `pgctl host check host-3`' }],
    ],
    [
      'whose socket would have too long a path',
      { hosts: [localHost(1, { base_dir: base })], spec: spec({ hosts: ['local-1'] }) },
      [
        {
          host: 'local-1',
          message: `the socket path ${base}/shop.n1.local-1/.s.PGSQL.5432 is longer than 107 bytes; give the host a shorter --base-dir`,
        },
      ],
    ],
  ])('%s', (_title, changes, findings) => {
    expect(place(changes)).toEqual({ ok: false, issues: [], findings });
  });

  it('may have a long base directory under systemd, where sockets are elsewhere', () => {
    expect(placed({ hosts: [host(1, { base_dir: base })], spec: spec({ hosts: ['host-1'] }) })).toMatchObject(
      [{ dir: `${base}/shop.n1.host-1`, socket_dir: '/run/postgresql' }],
    );
  });

  it.each([
    [107, true],
    [108, false],
  ])('with a socket path of %d bytes, its lock file among them: %s', (bytes, ok) => {
    const rest = '/shop.n1.local-1/.s.PGSQL.5432.lock';
    const dir = `/${'x'.repeat(bytes - rest.length - 1)}`;
    expect(place({ hosts: [localHost(1, { base_dir: dir })], spec: spec({ hosts: ['local-1'] }) }).ok).toBe(
      ok,
    );
  });
});

describe('versions', () => {
  it.each<[title: string, versions: string[][], wanted: string | undefined, major: number]>([
    ['the newest of all by default', [['17.5', '15.9']], undefined, 17],
    [
      'the newest that all hosts have',
      [
        ['17.5', '15.9'],
        ['16.1', '15.2'],
      ],
      undefined,
      15,
    ],
    ['the one that is asked for', [['17.5', '15.9']], '15', 15],
    ['the major of a minor that is asked for', [['17.5', '15.9']], '15.4', 15],
    ['a beta counts by its major', [['18beta1', '17.5']], undefined, 18],
  ])('%s', (_title, versions, wanted, major) => {
    const hosts = versions.map((list, i) => host(i + 1, { facts: withPostgres(...list) }));
    const asked = wanted === undefined ? {} : { postgres_version: wanted };
    const placement = place({ hosts, spec: spec({ hosts: hosts.map(({ host_id }) => host_id), ...asked }) });
    expect(placement).toMatchObject({ ok: true, major });
    expect(placement.ok && placement.instances[0]?.bin_dir).toBe(`/usr/lib/postgresql/${major}/bin`);
  });
});

describe('an instance takes from its host', () => {
  it('what others reach it at, its own etcd endpoints, and its account', () => {
    const given = host(1, {
      advertise: '192.168.7.1',
      host_endpoints: ['http://127.0.0.1:2379'],
      facts: { ...FACTS, run_user: 'pg' },
    });
    expect(placed({ hosts: [given, host(2)], spec: spec({ hosts: ['host-1', 'host-2'] }) })).toMatchObject([
      { advertise: '192.168.7.1', endpoints: ['http://127.0.0.1:2379'], run_user: 'pg', first: true },
      { advertise: '10.0.0.2', endpoints: ['http://10.0.0.9:2379'], run_user: 'postgres', first: false },
    ]);
  });

  it('its place beside remote hosts where it is local and advertises an address', () => {
    const hosts = [host(1), localHost(2, { advertise: '10.0.0.2' })];
    expect(placed({ hosts, spec: spec({ hosts: ['host-1', 'local-2'] }) })).toMatchObject([
      { advertise: '10.0.0.1', manager: 'systemd' },
      { advertise: '10.0.0.2', manager: 'process', socket_dir: '/var/lib/pgctl/local/shop.n1.local-2' },
    ]);
  });
});
