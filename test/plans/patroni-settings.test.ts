import { describe, expect, it } from 'vitest';
import { patroniSettings } from '../../plans/patroni-settings.ts';
import { host, localHost, placed, type PlacementChanges, spec } from './fixtures.ts';

interface Settings {
  readonly restapi: { readonly listen: string; readonly connect_address: string };
  readonly etcd3: { readonly hosts: readonly string[]; readonly protocol: string };
  readonly bootstrap?: {
    readonly dcs: { readonly postgresql: { readonly parameters: Record<string, string> } };
  };
  readonly postgresql: {
    readonly listen: string;
    readonly connect_address: string;
    readonly parameters: Record<string, string>;
    readonly pg_hba: readonly string[];
    readonly pg_ident: readonly string[];
  };
}

/** Patroni's settings of each member. */
function settingsOf(changes: PlacementChanges = {}): Settings[] {
  const members = placed(changes);
  return members.map(
    (one) =>
      patroniSettings({ spec: changes.spec ?? spec(), placed: one, members, prefix: '/pgctl' }) as Settings,
  );
}

describe('Patroni is configured', () => {
  it('on three hosts', async () => {
    const text = `${JSON.stringify(settingsOf(), null, 2)}\n`;
    await expect(text).toMatchFileSnapshot('goldens/settings-on-three-hosts.json');
  });

  it('on this machine, where nothing listens to the outside', () => {
    const [first] = settingsOf({
      hosts: [localHost(1), localHost(2)],
      spec: spec({ hosts: ['local-1', 'local-2'] }),
    });
    expect([first?.postgresql.listen, first?.restapi.listen]).toEqual(['127.0.0.1:5432', '127.0.0.1:8008']);
    expect(first?.postgresql.pg_hba.filter((line) => line.startsWith('host'))).toEqual([
      'host replication "replicator" 127.0.0.1/32 scram-sha-256',
      'host all all 127.0.0.1/32 scram-sha-256',
      'host all all 127.0.0.1/32 scram-sha-256',
      'host all all ::1/128 scram-sha-256',
    ]);
  });

  it('with IPv6 addresses in brackets where a port follows, and a full mask in pg_hba.conf', () => {
    const hosts = [host(1, { advertise: 'fd00::1' }), host(2, { advertise: 'db2.example.net' })];
    const [first, second] = settingsOf({ hosts, spec: spec({ hosts: ['host-1', 'host-2'] }) });
    expect(first?.restapi).toEqual({ listen: '[fd00::1]:8008', connect_address: '[fd00::1]:8008' });
    expect(first?.postgresql).toMatchObject({ listen: '*:5432', connect_address: '[fd00::1]:5432' });
    expect(second?.postgresql.connect_address).toBe('db2.example.net:5432');
    expect(second?.postgresql.pg_hba).toEqual(
      expect.arrayContaining([
        'host replication "replicator" fd00::1/128 scram-sha-256',
        'host all all db2.example.net scram-sha-256',
      ]),
    );
  });

  it.each<[title: string, endpoints: string[], etcd3: Settings['etcd3']]>([
    ['one', ['http://10.0.0.9:2379'], { hosts: ['10.0.0.9:2379'], protocol: 'http' }],
    [
      'three under TLS',
      ['https://a:2379', 'https://b:2379', 'https://c:2379'],
      { hosts: ['a:2379', 'b:2379', 'c:2379'], protocol: 'https' },
    ],
    ['one on the port of its scheme', ['https://etcd:443'], { hosts: ['etcd:443'], protocol: 'https' }],
    ['an IPv6 one', ['http://[fd00::9]:2379'], { hosts: ['[fd00::9]:2379'], protocol: 'http' }],
  ])('with the endpoints of etcd: %s', (_title, endpoints, etcd3) => {
    expect(settingsOf({ endpoints })[0]?.etcd3).toEqual(etcd3);
  });

  it('with the user’s lines after its own, so that none of them locks out the members', () => {
    const lines = ['host all all 10.0.0.0/8 reject'];
    const [first] = settingsOf({ spec: spec({ pg_hba_conf: lines, pg_ident_conf: ['admins alice app'] }) });
    expect(first?.postgresql.pg_hba.at(-1)).toBe(lines[0]);
    expect(first?.postgresql.pg_ident.at(-1)).toBe('admins alice app');
    expect(first?.postgresql.pg_hba[0]).toBe('local all "postgres" peer map=pgctl');
  });

  it('with cluster-wide parameters in the cluster’s settings, the others in the member’s', () => {
    const changes = { spec: spec({ postgresql_conf: { max_connections: '200', work_mem: '8MB' } }) };
    const [first, second] = settingsOf(changes);
    expect(first?.bootstrap?.dcs.postgresql.parameters).toMatchObject({ max_connections: '200' });
    for (const member of [first, second]) {
      expect(member?.postgresql.parameters).toEqual({
        work_mem: '8MB',
        wal_retrieve_retry_interval: '500ms',
        unix_socket_directories: '/run/postgresql',
        password_encryption: 'scram-sha-256',
      });
    }
    expect(second?.bootstrap).toBeUndefined();
  });

  it('so that nobody is trusted', () => {
    const all = JSON.stringify(settingsOf());
    expect(all).not.toMatch(/\btrust\b|\bmd5\b/);
  });
});
