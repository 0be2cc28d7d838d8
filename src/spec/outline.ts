import type { Json, JsonObject } from '../json.ts';
import { specJsonSchema } from './json-schema.ts';

/** One field of a spec, for people: from the schema that specs are judged by. */
export interface SpecField {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  /** The first example that the schema gives; null for a field made of fields. */
  readonly example: Json;
  /** Of each of its items, where it is a list of maps. */
  readonly fields: readonly SpecField[];
}

const objectOf = (value: Json | undefined): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as Json[]) : []);

function fieldsOf(schema: JsonObject): readonly SpecField[] {
  const required = listOf(schema['required']);
  return Object.entries(objectOf(schema['properties'])).map(([name, value]) => {
    const field = objectOf(value);
    return {
      name,
      description: typeof field['description'] === 'string' ? field['description'] : '',
      required: required.includes(name),
      example: listOf(field['examples'])[0] ?? null,
      fields: fieldsOf(objectOf(field['items'])),
    };
  });
}

/** All fields of the bare spec, in the order in which people write them. */
export function specOutline(): readonly SpecField[] {
  const [bare] = listOf(specJsonSchema()['anyOf']);
  return fieldsOf(objectOf(bare));
}
