import * as z from 'zod';
import type { JsonObject } from '../json.ts';
import { bodySchema, databaseSchema } from './schema.ts';

/**
 * The JSON Schema of a spec, bare or as a request body, for completion in editors. Draft 7, because the
 * YAML language server that most editors use reads nothing newer in full.
 */
export function specJsonSchema(): JsonObject {
  const schema = z.union([databaseSchema, bodySchema]).meta({
    title: 'pgctl database spec',
    description: 'A PostgreSQL database for pgctl: the bare spec, or the { id, spec } body of a request.',
  });
  return z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }) as unknown as JsonObject;
}
