import * as z from 'zod';
import type { ResourceKey, StoredResource } from '../plan/resource.ts';
import type { Codec } from './codec.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { Records } from './records.ts';
import { jsonObject } from './shapes.ts';
import type { Expect, Write } from './write.ts';

const resourceKeySchema = z.templateLiteral([z.string(), '/', z.string()]) satisfies z.ZodType<ResourceKey>;

const schema: z.ZodType<StoredResource> = z.looseObject({
  type: z.string(),
  id: z.string(),
  executor: z.discriminatedUnion('kind', [
    z.looseObject({ kind: z.literal('host'), host: z.string() }),
    z.looseObject({ kind: z.literal('primary'), node: z.string() }),
    z.looseObject({ kind: z.literal('controller') }),
  ]),
  attributes: jsonObject,
  dependencies: z.array(resourceKeySchema),
  after: z.array(resourceKeySchema).default([]),
  type_dependencies: z.array(z.string()),
  diff_ignore: z.array(z.string()),
  version: z.number().int(),
  contained_in: resourceKeySchema.nullable(),
  needs_recreate: z.boolean(),
  error: z.string().nullable(),
});

export function resourceCodec(
  keys: Keys,
  database: string,
): Codec<StoredResource> & { readonly keyOf: (record: StoredResource) => string } {
  return { schema, keyOf: (resource) => keys.resource(database, resource.type, resource.id) };
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
