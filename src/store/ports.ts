import type { PortRecord } from '../records/types.ts';
import { decodeAll, type Codec, type CorruptValue, type Stored } from './codec.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import type { KeyValue } from './range.ts';
import { object, string } from './shapes.ts';
import { putRecord, type Write } from './write.ts';

const codec: Codec<PortRecord> = { shape: object({ instance_id: string }) };

/** A port of a host and the instance it is reserved for. */
export interface PortReservation {
  /** A host's id or `LOCAL_MACHINE`. */
  readonly host: string;
  readonly port: number;
  readonly instance_id: string;
}

export interface PortListing {
  readonly items: readonly Stored<PortReservation>[];
  readonly corrupt: readonly CorruptValue[];
}

/** A reservation that cannot be read is in both lists: its port is taken, by somebody who cannot be told. */
export function decodePorts(keys: Keys, found: readonly KeyValue[]): PortListing {
  const { items, corrupt } = decodeAll(codec, found);
  const sound = new Map(items.map(({ key, value }) => [key, value.instance_id]));
  return {
    items: found.map(({ key, modRevision }) => {
      const [host = '', port = ''] = key.slice(keys.ports().length).split('/');
      return {
        key,
        modRevision,
        value: { host, port: Number(port), instance_id: sound.get(key) ?? UNREADABLE },
      };
    }),
    corrupt,
  };
}

/** Stands where the instance cannot be told; no instance has this name. */
const UNREADABLE = '(unreadable)';

/** Whether a reservation is for an instance of this database. */
export function isOfDatabase(reservation: PortReservation, database: string): boolean {
  return reservation.instance_id.startsWith(`${database}.`);
}

/** Reservations of ports: made in the commit that marks the plan, so that two databases never race for one. */
export class Ports {
  readonly #kv: Kv;
  readonly #keys: Keys;

  constructor(kv: Kv, keys: Keys) {
    this.#kv = kv;
    this.#keys = keys;
  }

  async list(): Promise<PortListing> {
    return decodePorts(this.#keys, await this.#kv.range(this.#keys.ports()));
  }

  async listOf(host: string): Promise<PortListing> {
    return decodePorts(this.#keys, await this.#kv.range(this.#keys.portsOf(host)));
  }

  /** A commit with it fails with `port_taken` where the port is reserved by then, by whomever. */
  reserve({ host, port, instance_id }: PortReservation): Write {
    return putRecord(this.#keys.port(host, port), { instance_id }, 'absent');
  }

  release(reservation: Stored<PortReservation>): Write {
    return { kind: 'delete', key: reservation.key, expect: { modRevision: reservation.modRevision } };
  }
}
