import type { ResourceKey, StoredResource } from '../plan/resource.ts';
import type { Codec } from './codec.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { Records } from './records.ts';
import {
  arrayOf,
  boolean,
  byKind,
  integer,
  jsonObject,
  nullable,
  object,
  optional,
  type Shape,
  string,
  where,
} from './shapes.ts';
import type { Expect, Write } from './write.ts';

const resourceKey: Shape<ResourceKey> = where(string as Shape<ResourceKey>, {
  holds: (key) => key.includes('/'),
  message: 'Invalid input: expected <type>/<id>',
});

const shape: Shape<StoredResource> = object({
  type: string,
  id: string,
  executor: byKind<StoredResource['executor']>({
    host: object({ host: string }),
    primary: object({ node: string }),
    controller: object({}),
  }),
  attributes: jsonObject,
  dependencies: arrayOf(resourceKey),
  after: optional(arrayOf(resourceKey)),
  type_dependencies: arrayOf(string),
  diff_ignore: arrayOf(string),
  version: integer(),
  contained_in: nullable(resourceKey),
  needs_recreate: boolean,
  error: nullable(string),
});

/** Fields that resources did not have from the first version on. */
const ADDED: Pick<StoredResource, 'after'> = { after: [] };

export function resourceCodec(
  keys: Keys,
  database: string,
): Codec<StoredResource> & { readonly keyOf: (record: StoredResource) => string } {
  return {
    shape,
    complete: (resource) => (Object.hasOwn(resource, 'after') ? resource : { ...resource, ...ADDED }),
    keyOf: (resource) => keys.resource(database, resource.type, resource.id),
  };
}

/** The resources of databases as the last operation left them: the current state that is planned against. */
export class Resources {
  readonly #kv: Kv;
  readonly #keys: Keys;

  constructor(kv: Kv, keys: Keys) {
    this.#kv = kv;
    this.#keys = keys;
  }

  write(database: string, resource: StoredResource, expect: Expect): Write {
    return new Records(this.#kv, resourceCodec(this.#keys, database)).write(resource, expect);
  }

  /** Removes a resource; with a revision only as it was read. */
  remove(database: string, resource: { readonly type: string; readonly id: string }, expect: Expect): Write {
    return { kind: 'delete', key: this.#keys.resource(database, resource.type, resource.id), expect };
  }
}
