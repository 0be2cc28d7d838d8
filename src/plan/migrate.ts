import { PgctlError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { type StoredResource, resourceKey } from './resource.ts';

/** How one resource type's stored attributes are brought up to date. */
export interface TypeMigrations {
  /** The version this pgctl writes. */
  readonly version: number;
  /** By the version it starts from: what makes attributes of that version into those of the next. */
  readonly steps: Readonly<Record<number, (attributes: JsonObject) => JsonObject>>;
}

/** Every resource type this pgctl knows. */
export type MigrationTable = Readonly<Record<string, TypeMigrations>>;

/**
 * A stored resource in the format of this pgctl, for use right after it is read. Throws `store_newer` for one
 * that a newer pgctl wrote: of a later version, or of a type that is not known here.
 */
export function migrate(stored: StoredResource, table: MigrationTable): StoredResource {
  const type = Object.hasOwn(table, stored.type) ? table[stored.type] : undefined;
  if (type === undefined) throw newer(stored, `its type ${stored.type} is not known here`);
  if (stored.version > type.version) {
    throw newer(stored, `it has version ${String(stored.version)}, this pgctl knows ${String(type.version)}`);
  }
  if (stored.version === type.version) return stored;
  let attributes = stored.attributes;
  for (let version = stored.version; version < type.version; version += 1) {
    const step = type.steps[version];
    if (step === undefined) {
      const gap = `from version ${String(version)} to ${String(version + 1)}`;
      throw new PgctlError('internal', `There is no way to bring ${resourceKey(stored)} ${gap}.`, {
        hint: 'This is a defect in pgctl. Please report it.',
      });
    }
    attributes = step(attributes);
  }
  return { ...stored, attributes, version: type.version };
}

function newer(stored: StoredResource, why: string): PgctlError {
  return new PgctlError('store_newer', `A newer pgctl wrote ${resourceKey(stored)}: ${why}.`, {
    hint: 'upgrade pgctl',
  });
}
