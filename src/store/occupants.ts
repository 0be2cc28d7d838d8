import { PgctlError } from '../errors.ts';
import type { HostRecord } from '../records/types.ts';
import { tryDecode, type Codec, type Stored } from './codec.ts';
import { LOCAL_MACHINE, type Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { decodePorts } from './ports.ts';
import type { KeyValue } from './range.ts';
import { object, optional, string } from './shapes.ts';
import type { Write } from './write.ts';

/** What the store knows to be on a host. */
export interface Occupants {
  /** Databases that anything of it belongs to. */
  readonly databases: readonly string[];
  /** What there is, a line each for people; none for an empty host. */
  readonly found: readonly string[];
  /** Holds as long as nothing was placed on the host since this was read. */
  readonly unchanged: Write;
}

/** The part of a resource's record that says where it is. */
const executorCodec: Codec<{ executor: { kind: string; host?: string } }> = {
  shape: object({ executor: object({ kind: string, host: optional(string) }) }),
};

/** Everything on a host, of all databases, at one revision. A record that cannot be read counts by its key. */
export async function readOccupants(kv: Kv, keys: Keys, host: HostRecord): Promise<Occupants> {
  const [instances = [], ports = [], resources = []] = await kv.read([
    { key: keys.instances(), prefix: true },
    { key: keys.ports(), prefix: true },
    { key: keys.resources(), prefix: true },
  ]);
  const id = host.host_id;
  const isOnHost = (instance: string): boolean => instance.endsWith(`.${id}`);
  const names = instances.map(({ key }) => lastPart(key)).filter(isOnHost);
  const reserved = decodePorts(keys, ports)
    .items.map(({ value }) => value)
    .filter((port) => port.host === id || (port.host === LOCAL_MACHINE && isOnHost(port.instance_id)));
  const orphans = resources
    .filter((resource) => isResourceOn(resource, id))
    .map(({ key }) => key.slice(keys.resources().length).split('/'))
    .filter(([, , name = '']) => !names.includes(decodeURIComponent(name)));
  return {
    databases: [
      ...new Set([
        ...[...names, ...reserved.map(({ instance_id }) => instance_id)].map(
          (instance) => instance.split('.')[0] ?? '',
        ),
        ...orphans.map(([database = '']) => database),
      ]),
    ].sort(),
    found: [
      ...names.map((instance) => `instance ${instance}`),
      ...reserved
        .filter(({ instance_id }) => !names.includes(instance_id))
        .map(({ port, instance_id }) => `port ${port}, reserved for ${instance_id}`),
      ...orphans.map(([database, type, name = '']) => `${type} ${decodeURIComponent(name)} of ${database}`),
    ],
    unchanged: placeUnchanged(keys, host, ports),
  };
}

/**
 * Whatever places an instance reserves a port in the same commit, so where no port of the host, or of the
 * machine it shares with other hosts, was reserved since, nothing was placed.
 */
function placeUnchanged(keys: Keys, host: HostRecord, ports: readonly KeyValue[]): Write {
  const prefix = keys.portsOf(host.address === 'local' ? LOCAL_MACHINE : host.host_id);
  const revisions = ports.filter(({ key }) => key.startsWith(prefix)).map(({ modRevision }) => modRevision);
  const newest = revisions.reduce((a, b) => (BigInt(a) > BigInt(b) ? a : b), '0');
  return { kind: 'check_unchanged', prefix, newest };
}

function isResourceOn(resource: KeyValue, host: string): boolean {
  const read = tryDecode(executorCodec, resource);
  if ('problem' in read) return decodeURIComponent(lastPart(resource.key)).endsWith(`.${host}`);
  const { executor } = read.value;
  return executor.kind === 'host' && executor.host === host;
}

const lastPart = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

/** A host that something is on is not removed. @throws PgctlError `host_in_use` */
export function refuseOccupied(host: Stored<HostRecord>, { databases, found }: Occupants): void {
  if (found.length === 0) return;
  const id = host.value.host_id;
  const deletes = databases.map((database) => `\`pgctl db delete ${database}\``).join(', ');
  throw new PgctlError('host_in_use', `host ${id} is not empty: ${databases.join(', ')} is on it`, {
    hint: `Run \`pgctl db apply -f\` with a spec that leaves ${id} out, or ${deletes}. If the host is lost, \`pgctl recover --remove-host ${id}\`.`,
    details: found,
  });
}
