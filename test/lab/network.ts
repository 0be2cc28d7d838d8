import { command } from './command.ts';

/**
 * A network of one bridge on this machine and one namespace per host, with addresses from 198.18.0.0/15,
 * which is reserved for tests of networks and routed nowhere.
 */
export interface LabNetwork {
  readonly number: number;
  /** Of the machine itself; etcd listens here. */
  readonly address: string;
  readonly hosts: readonly HostNetwork[];
}

/** What belongs to one host. */
export interface HostNetwork {
  readonly address: string;
  /** Name of the network namespace. */
  readonly namespace: string;
  /** The machine's end of the host's cable. */
  readonly link: string;
}

const bridgeOf = (number: number): string => `pglab${number}`;
/** What the names of a lab's namespaces begin with; containers are called like their namespace. */
export const namespacesOf = (number: number): string => `pglab${number}-`;
const macOf = (number: number, last: number): string => `02:c6:12:${hex(number)}:00:${hex(last)}`;
const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

/** Which numbers have no network on this machine, by its addresses and routes. */
export async function freeNumbers(): Promise<(number: number) => boolean> {
  const taken = `${await command('ip', ['-4', '-o', 'address'])}\n${await command('ip', ['-4', 'route'])}`;
  return (number) => !taken.includes(` 198.18.${number}.`) && !taken.includes(` ${bridgeOf(number)} `);
}

/** Makes the bridge and a namespace with a cable for each host, all up. */
export async function makeNetwork(number: number, ids: readonly string[]): Promise<LabNetwork> {
  const bridge = bridgeOf(number);
  const address = `198.18.${number}.1`;
  const hosts = ids.map((id, index) => ({
    address: `198.18.${number}.${11 + index}`,
    namespace: `${namespacesOf(number)}${id}`,
    link: `${bridge}h${index + 1}`,
    mac: macOf(number, 11 + index),
  }));
  const machine = { address, mac: macOf(number, 1) };

  // Everybody knows everybody's hardware address for good: a host that is lost is then silent, as behind
  // a router. Otherwise this machine would say "no route to host" by itself after three seconds.
  const neighbour = ({ address, mac }: { address: string; mac: string }, device: string): string =>
    `neighbour replace ${address} lladdr ${mac} nud permanent dev ${device}`;

  await command(
    'ip',
    ['-batch', '-'],
    [
      `link add ${bridge} address ${machine.mac} type bridge`,
      `address add ${address}/24 dev ${bridge}`,
      `link set ${bridge} up`,
      ...hosts.map((host) => `netns add ${host.namespace}`),
      ...hosts.flatMap((host) => [
        `link add ${host.link} type veth peer name eth0 netns ${host.namespace} address ${host.mac}`,
        `link set ${host.link} master ${bridge} up`,
        neighbour(host, bridge),
      ]),
    ].join('\n'),
  );
  await Promise.all(
    hosts.map((host) =>
      command(
        'ip',
        ['-netns', host.namespace, '-batch', '-'],
        [
          'link set lo up',
          `address add ${host.address}/24 dev eth0`,
          'link set eth0 up',
          neighbour(machine, 'eth0'),
          ...hosts.filter((other) => other !== host).map((other) => neighbour(other, 'eth0')),
        ].join('\n'),
      ),
    ),
  );
  return { number, address, hosts };
}

/** Plugs a host's cable in or out. */
export async function setLink(host: HostNetwork, state: 'up' | 'down'): Promise<void> {
  await command('ip', ['link', 'set', host.link, state]);
}

/** Lets no more than this through to a host, in megabits a second; null for no limit. */
export async function setRate(host: HostNetwork, megabits: number | null): Promise<void> {
  const device = ['dev', host.link, 'root'];
  await (megabits === null
    ? command('tc', ['qdisc', 'delete', ...device])
    : command('tc', [
        'qdisc',
        'replace',
        ...device,
        'tbf',
        'rate',
        `${megabits}mbit`,
        'burst',
        '64kb',
        'latency',
        '400ms',
      ]));
}

/** Removes all of a lab's network, by its number alone. */
export async function removeNetwork(number: number): Promise<void> {
  const namespaces = (await command('ip', ['netns', 'list']))
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name.startsWith(namespacesOf(number)));
  for (const name of namespaces) await command('ip', ['netns', 'delete', name]);
  const links = (await command('ip', ['-o', 'link']))
    .split('\n')
    .map((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? '')
    .filter((name) => name === bridgeOf(number) || name.startsWith(`${bridgeOf(number)}h`));
  for (const name of links) {
    // A namespace takes its cable along, but in its own time, so the link may be gone by now.
    await command('ip', ['link', 'delete', name]).catch(() => undefined);
  }
}
