import { describe, expect, it } from 'vitest';
import { type SpecField, specOutline } from '../../src/spec/outline.ts';
import { readSpec } from '../../src/spec/read.ts';
import { specTemplate } from '../../src/spec/template.ts';

const GIVEN = { id: 'shop', hosts: ['host-1', 'host-2'] };
const read = (text: string) => readSpec({ text: Buffer.from(text), file: 'spec.yaml' });
const names = (fields: readonly SpecField[]): string[] =>
  fields.flatMap(({ name, fields: inner }) => [name, ...names(inner)]);
/** The template with every field that is commented out put in. */
const uncommented = (text: string): string => text.replace(/^( *)#(?! \S)/gm, '$1');

describe('a new spec', () => {
  it('is as it was', () => {
    expect(specTemplate(GIVEN)).toMatchSnapshot();
  });

  it('is valid as it is, and has no password', () => {
    const result = read(specTemplate(GIVEN));
    expect(result).toMatchObject({
      ok: true,
      spec: { id: 'shop', nodes: [{ name: 'n1', host_ids: ['host-1', 'host-2'] }] },
    });
    expect(result.ok && result.spec.database_users[0]?.password).toBeUndefined();
  });

  it('is valid with every field in it', () => {
    const result = read(uncommented(specTemplate(GIVEN)));
    expect(result.ok ? [] : result.issues).toEqual([]);
    expect(result).toMatchObject({ ok: true, spec: { tenant_id: 'acme', postgres_version: '17' } });
  });

  it('explains every field', () => {
    const text = specTemplate(GIVEN);
    const prose = text.replace(/\n *# /g, ' ');
    const walk = (fields: readonly SpecField[]): void => {
      for (const { description, fields: inner } of fields) {
        expect(prose).toContain(description);
        walk(inner);
      }
    };
    walk(specOutline());
    for (const name of new Set(names(specOutline())))
      expect(text).toMatch(new RegExp(`^ *#?(- )?${name}:`, 'm'));
  });

  it.each(['0', '17', '1e3', 'true', 'null', '6f1c0a3e-1d2b-4c3d-8e4f-5a6b7c8d9e0f'])(
    'can be called %s',
    (id) => {
      expect(read(specTemplate({ ...GIVEN, id }))).toMatchObject({ ok: true, spec: { id } });
      expect(read(uncommented(specTemplate({ ...GIVEN, id })))).toMatchObject({ ok: true, spec: { id } });
    },
  );
});
