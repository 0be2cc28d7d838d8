import type { Store } from '../../src/store/store.ts';
import { database, instance } from '../store/fixtures.ts';

export const PER_DATABASE = 3;
const HOSTS = 50;
const PER_COMMIT = 40;

const hostOf = (n: number): string => `host-${(n % HOSTS) + 1}`;

/** Ids of so many databases, of three instances each on fifty hosts. */
export const databaseIds = (count: number): string[] => Array.from({ length: count }, (_, n) => `shop-${n}`);

/** The instances of the nth database. */
export const instanceIds = (id: string, n: number): string[] =>
  Array.from({ length: PER_DATABASE }, (_, member) => `${id}.n1.${hostOf(n * PER_DATABASE + member)}`);

/** What Patroni says of one of them, as its version 4.0 does. */
function member(host: string, primary: boolean): object {
  return {
    conn_url: `postgres://${host}:5432/postgres`,
    api_url: `http://${host}:8008/patroni`,
    state: primary ? 'running' : 'streaming',
    role: primary ? 'primary' : 'replica',
    version: '4.0.7',
    xlog_location: 67_109_448,
    timeline: 1,
  };
}

/** Writes databases that all run well, with Patroni's keys beside them. */
export async function writeFleet(store: Store, databases: number): Promise<void> {
  await store.prepareToChange();
  const puts = databaseIds(databases).flatMap((id, n) => {
    const scope = store.keys.patroniScope(id, 'n1');
    const instances = instanceIds(id, n);
    return [
      store.databases.write(database(id), 'any'),
      ...instances.map((each) => store.instances.write(instance(each), 'any')),
      { key: `${scope}leader`, value: hostOf(n * PER_DATABASE) },
      { key: `${scope}initialize`, value: '7300000000000000000' },
      { key: `${scope}config`, value: '{"ttl":30,"loop_wait":10}' },
      { key: `${scope}status`, value: '{"optime":67109448}' },
      ...instances.map((_, m) => {
        const host = hostOf(n * PER_DATABASE + m);
        return { key: `${scope}members/${host}`, value: JSON.stringify(member(host, m === 0)) };
      }),
    ];
  });
  for (let at = 0; at < puts.length; at += PER_COMMIT) {
    const success = puts.slice(at, at + PER_COMMIT).map((put) => {
      if (!('value' in put)) throw new Error('only what is put makes a fleet');
      return { op: 'put' as const, key: put.key, value: put.value };
    });
    await store.kv.txn({ compare: [], success, failure: [] });
  }
}
