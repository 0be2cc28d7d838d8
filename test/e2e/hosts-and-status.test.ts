import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { instanceParts } from '../../src/store/keys.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import type { Op } from '../../src/store/txn.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { addHosts, type Operator, operatorOf, type Ran } from './pgctl.ts';

let lab: Lab;
let operator: Operator;
let store: Store;

interface HostList {
  readonly items: readonly { readonly id: string; readonly state: string }[];
}
interface Finding {
  readonly severity: string;
  readonly subject: string;
  readonly message: string;
  readonly remedy: string;
}
interface Status {
  readonly kind: string;
  readonly databases: readonly { readonly id: string; readonly state: string }[];
  readonly findings: readonly Finding[];
}

const LOST = 'shop.n1.host-2';

const errorOf = (ran: Ran): { code: string; message: string; hint: string; details: string[] } =>
  JSON.parse(ran.stdout) as { code: string; message: string; hint: string; details: string[] };

const run = (...args: string[]): Promise<Ran> => operator.run([...args, '-o', 'json']);

const add = (id: string, ...more: string[]): Promise<Ran> =>
  run(
    ...['host', 'add', id, '--address', lab.host(id).address, '--user', 'root'],
    ...['--identity-file', lab.identityFile, '--accept-host-key', ...more],
  );

const change = (...success: Op[]): Promise<unknown> => store.kv.txn({ compare: [], success, failure: [] });

const findings = async (): Promise<readonly Finding[]> => (await operator.json<Status>(['status'])).findings;

beforeAll(async () => {
  lab = await startLab({ hosts: 3 });
  operator = await operatorOf(lab.etcd.endpoints);
  store = openStore({
    endpoints: lab.etcd.endpoints,
    tls: null,
    auth: null,
    prefix: '/pgctl',
    env: operator.env,
  });
  await addHosts(operator, lab);
  await operator.json(['db', 'create', 'shop', '--hosts', 'host-1,host-2']);
});
afterAll(async () => {
  store?.close();
  await operator?.dispose();
  await lab?.stop();
});

describe('hosts', () => {
  it('are listed without asking them, and with their state where that is asked for', async () => {
    const states = async (...more: string[]): Promise<string[]> =>
      (await operator.json<HostList>(['host', 'list', ...more])).items.map(({ state }) => state);
    const before = await lab.etcd.dump('/pgctl/v1/hosts/');
    expect(await states()).toEqual(['unknown', 'unknown', 'unknown']);
    expect(await states('--check')).toEqual(['reachable', 'reachable', 'reachable']);
    expect(await lab.etcd.dump('/pgctl/v1/hosts/')).toEqual(before);
  });

  it('have no connection of pgctl any more when it has ended', async () => {
    const connections = async (): Promise<string[]> =>
      Promise.all(
        lab.hosts.map(async (host) => (await host.run("ss -Htn state established '( sport = :22 )'")).stdout),
      );
    const seen: string[] = [];
    const watching = setInterval(() => void connections().then((now) => seen.push(now.join(''))), 50);
    await operator.json(['host', 'list', '--check']);
    clearInterval(watching);
    expect(await connections()).toEqual(['', '', '']);
    expect(seen.some((some) => some !== '')).toBe(true);
  });

  it('are removed only when nothing is on them', async () => {
    const used = await run('host', 'remove', 'host-1');
    expect(used.exitCode).toBe(4);
    expect(errorOf(used)).toMatchObject({ code: 'host_in_use', details: ['instance shop.n1.host-1'] });
    expect(errorOf(used).hint).toContain('`pgctl db delete shop`');
    const unknown = await run('host', 'remove', 'host-33');
    expect(unknown.exitCode).toBe(5);
    expect(errorOf(unknown).hint).toContain('host-3');

    const rehearsed = await operator.run(['host', 'remove', 'host-3', '--dry-run']);
    expect(rehearsed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('nothing was changed') });
    expect((await run('host', 'get', 'host-3')).exitCode).toBe(0);
    expect(await operator.json(['host', 'remove', 'host-3'])).toMatchObject({ kind: 'Host', id: 'host-3' });
    expect((await run('host', 'get', 'host-3')).exitCode).toBe(5);
    expect((await add('host-3')).exitCode).toBe(0);
  });
});

describe('a host that was removed while it was lost, and comes back', () => {
  const uid = async (): Promise<string> => (await store.readDatabase('shop')).database?.value.uid ?? '';
  const onHost = async (command: string): Promise<string> =>
    (await lab.host('host-2').run(command)).stdout.trim();
  const made = `ls -d /var/lib/pgctl/${LOST} /etc/systemd/system/pgctl-${LOST}.service; pgrep -c 'postgres|patroni'`;

  beforeAll(async () => {
    const { keys } = store;
    const port = (await store.ports.listOf('host-2')).items;
    const { database } = instanceParts(LOST);
    await change(
      ...[keys.host('host-2'), keys.instance(LOST), keys.status(LOST), keys.guard(LOST)].map((key): Op => ({
        op: 'delete',
        key,
      })),
      ...port.map(({ key }): Op => ({ op: 'delete', key })),
      { op: 'put', key: keys.tombstone('host-2'), value: '{"host_id":"host-2"}' },
    );
    expect((await store.readDatabase(database)).instances).toHaveLength(1);
    await onHost(
      `cd /var/lib/pgctl && mkdir foreign.n1.host-2 && cp -a ${LOST}/.pgctl-instance foreign.n1.host-2/ &&
       cp -a ${LOST} shop-copy && printf '[Service]\nExecStart=/bin/sleep 3600\n' > /etc/systemd/system/pgctl-foreign.n1.host-2.service &&
       systemctl daemon-reload && systemctl start pgctl-foreign.n1.host-2`,
    );
  });

  it('is shown as an intruder while its Patroni runs on', async () => {
    const intruder = (await findings()).find(({ subject }) => subject === LOST);
    expect(intruder).toMatchObject({ severity: 'error' });
    expect(intruder?.remedy).toContain(`systemctl disable --now pgctl-${LOST}.service`);
  });

  it('is refused with a list of what is on it, and nothing is touched', async () => {
    const ran = await add('host-2');
    expect(ran.exitCode).toBe(4);
    const { code, hint, details } = errorOf(ran);
    expect(code).toBe('host_not_clean');
    expect(hint).toContain('--clean');
    expect(details).toEqual([
      `${LOST} of database uid ${await uid()}: directory /var/lib/pgctl/${LOST}, unit pgctl-${LOST}.service; it runs`,
    ]);
    expect(await onHost(`systemctl is-active pgctl-${LOST}`)).toBe('active');
    expect((await run('host', 'get', 'host-2')).exitCode).toBe(5);
  });

  it('keeps an instance that may still run, with --clean too', async () => {
    const key = store.keys.guard(LOST);
    await change({ op: 'put', key, value: JSON.stringify({ database_uid: await uid(), allowed: true }) });
    const ran = await add('host-2', '--clean');
    expect(ran.exitCode).toBe(4);
    expect(errorOf(ran).message).toContain('in use');
    expect(await onHost(`systemctl is-active pgctl-${LOST}`)).toBe('active');
    await change({ op: 'delete', key });
  });

  it('is cleaned of exactly what pgctl made, and registered', async () => {
    const ran = await add('host-2', '--clean');
    expect(ran).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(`removed ${LOST}`) });
    expect(JSON.parse(ran.stdout)).toMatchObject({ kind: 'Host', id: 'host-2' });
    expect(await onHost(made)).toBe('0');
    expect(await onHost('ls /var/lib/pgctl; systemctl is-active pgctl-foreign.n1.host-2')).toBe(
      'foreign.n1.host-2\nshop-copy\nactive',
    );
    expect(await store.hosts.tombstoneOf('host-2')).toBeNull();
    expect((await run('host', 'get', 'host-2')).exitCode).toBe(0);
  });
});

describe('the doctor', () => {
  it('finds hosts and records in order, and what was made without a record', async () => {
    const doctor = async (): Promise<[number, readonly Finding[]]> => {
      const ran = await run('doctor');
      const { findings: found } = JSON.parse(ran.stdout) as { findings: readonly Finding[] };
      return [ran.exitCode, found.filter(({ severity }) => severity !== 'info')];
    };
    // The database has lost an instance above, and its record; whatever else is there is in order.
    expect(await doctor()).toEqual([0, []]);
    const host = lab.host('host-3');
    await host.run(
      `mkdir -p /var/lib/pgctl/gone.n1.host-3 && echo 'gone.n1.host-3 u1' > /var/lib/pgctl/gone.n1.host-3/.pgctl-instance`,
    );
    await lab.host('host-1').run('mv /etc/systemd/system/pgctl-shop.n1.host-1.service /root/');
    const [exitCode, found] = await doctor();
    expect(exitCode).toBe(1);
    expect(found).toMatchObject([
      {
        severity: 'error',
        subject: 'shop.n1.host-1',
        message: expect.stringContaining('its unit is not on host-1'),
      },
      {
        severity: 'warning',
        subject: 'host-3: gone.n1.host-3',
        remedy: expect.stringContaining('`rm -r /var/lib/pgctl/gone.n1.host-3`'),
      },
    ]);
    await lab.host('host-1').run('mv /root/pgctl-shop.n1.host-1.service /etc/systemd/system/');
    await host.run('rm -r /var/lib/pgctl/gone.n1.host-3');
    expect(await doctor()).toEqual([0, []]);
  });
});

describe('the status', () => {
  it('names the instance of a host that died, and what mends it', async () => {
    await lab.host('host-1').kill();
    // Patroni's keys go when their leases end, half a minute later; here that is now.
    const cluster = await store.patroni.get('shop', 'n1');
    const leases = [cluster?.leaderLeaseId ?? '0', ...(cluster?.members ?? []).map(({ leaseId }) => leaseId)];
    for (const lease of leases.filter((id) => id !== '0')) await store.kv.revokeLease(lease);
    const checked = await run('host', 'check', '--connect-timeout', '2s');
    expect(checked.exitCode).toBe(6);
    expect((JSON.parse(checked.stdout) as HostList).items.map(({ state }) => state)).toEqual([
      'unreachable',
      'reachable',
      'reachable',
    ]);
    const lost = (list: readonly Finding[]): Finding | undefined =>
      list.find(({ subject }) => subject === 'shop.n1.host-1');
    await expect.poll(async () => lost(await findings()), { timeout: 60_000, interval: 1_000 }).toBeDefined();
    const status = await operator.json<Status>(['status']);
    expect(status).toMatchObject({ kind: 'Status', databases: [{ id: 'shop', state: 'degraded' }] });
    expect(lost(status.findings)).toMatchObject({
      severity: 'error',
      remedy: expect.stringContaining('`pgctl recover --remove-host host-1`'),
    });
    const text = await operator.run(['status']);
    expect(text.exitCode).toBe(0);
    expect(text.stdout).toContain('error: shop.n1: it has no primary');
  });
});
