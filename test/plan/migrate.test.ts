import { describe, expect, it } from 'vitest';
import { type MigrationTable, migrate } from '../../src/plan/migrate.ts';
import { stored } from './fixtures.ts';

const table: MigrationTable = {
  unit: {
    version: 3,
    steps: {
      1: ({ name, ...rest }) => ({ ...rest, unit_name: name ?? null }),
      2: (attributes) => ({ ...attributes, port: Number(attributes['port']) }),
    },
  },
  holed: { version: 3, steps: { 1: (attributes) => attributes } },
};

describe('migrate', () => {
  it('leaves a resource of this version as it is', () => {
    const current = stored('unit/a', { version: 3 });
    expect(migrate(current, table)).toBe(current);
  });

  it('takes an older one through every version in between, and keeps its trouble', () => {
    const old = stored('unit/a', {
      attributes: { name: 'x', port: '5432' },
      error: 'no',
      needs_recreate: true,
    });
    expect(migrate(old, table)).toEqual({
      ...old,
      version: 3,
      attributes: { unit_name: 'x', port: 5432 },
    });
  });

  it.each([
    ['of a later version', stored('unit/a', { version: 4 })],
    ['of a type that is not known', stored('future/a')],
    ['of a type called like what every object has', stored('constructor/a')],
  ])('refuses one %s, and says what to do', (_title, newer) => {
    expect(() => migrate(newer, table)).toThrowError(
      expect.objectContaining({ code: 'store_newer', exitCode: 7, hint: 'upgrade pgctl' }),
    );
  });

  it('takes a missing step for a defect', () => {
    expect(() => migrate(stored('holed/a'), table)).toThrowError(
      expect.objectContaining({
        code: 'internal',
        message: 'There is no way to bring holed/a from version 2 to 3.',
      }),
    );
  });
});
