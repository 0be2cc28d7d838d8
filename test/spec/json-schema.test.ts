import { describe, expect, it } from 'vitest';
import { specJsonSchema } from '../../src/spec/json-schema.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Every field's schema in a schema, with its path. */
function fields(schema: Schema, path = ''): [string, Schema][] {
  const own = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
  const nested = [schema['items'], schema['additionalProperties']].filter(
    (part) => typeof part === 'object',
  ) as Schema[];
  return [
    ...own.flatMap(([name, field]): [string, Schema][] => [
      [`${path}.${name}`, field],
      ...fields(field, `${path}.${name}`),
    ]),
    ...nested.flatMap((part): [string, Schema][] => [[`${path}[]`, part], ...fields(part, `${path}[]`)]),
  ];
}

describe('the JSON Schema of a spec', () => {
  const schema = specJsonSchema();
  const [bare, body] = schema['anyOf'] as unknown as [Schema, Schema];

  it('accepts the bare spec and the body of a request', () => {
    expect(bare['required']).toEqual(['id', 'nodes']);
    expect(body['required']).toEqual(['id', 'spec']);
    expect((body['properties'] as Record<string, Schema>)['spec']?.['required']).toEqual(['nodes']);
  });

  it('describes every field', () => {
    const all = [...fields(bare), ...fields(body)];
    expect(all.length).toBeGreaterThan(50);
    expect(all.filter(([, field]) => typeof field['description'] !== 'string').map(([path]) => path)).toEqual(
      [],
    );
  });

  it('allows no other fields', () => {
    const objects = [bare, body, ...[...fields(bare), ...fields(body)].map(([, field]) => field)].filter(
      (field) => field['properties'] !== undefined,
    );
    expect(objects.map((field) => field['additionalProperties'])).toEqual(objects.map(() => false));
  });

  it('is what it was', () => {
    expect(bare).toMatchSnapshot();
  });
});
