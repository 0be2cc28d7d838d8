import { PgctlError } from '../../src/errors.ts';
import type { DatabaseDocument, InstanceDocument } from '../../src/ui/documents.ts';
import { notFound } from './lookup.ts';

/**
 * The instance that psql is for: the one that is named, or else the primary.
 *
 * @throws PgctlError `not_found`, `usage` for another database's, `operation_failed` where there is no primary
 */
export function psqlInstance(
  databases: readonly DatabaseDocument[],
  asked: { readonly database: string; readonly instance: string | undefined },
): InstanceDocument {
  const database = databases.find(({ id }) => id === asked.database);
  if (database === undefined)
    throw notFound(
      'database',
      asked.database,
      databases.map(({ id }) => id),
    );
  const { id, instances } = database;
  const names = instances.map(({ instance_id }) => instance_id);
  if (asked.instance !== undefined) {
    const every = databases.flatMap((each) => each.instances);
    const found = every.find(({ instance_id }) => instance_id === asked.instance);
    if (found === undefined) throw notFound('instance', asked.instance, names);
    if (found.database_id === id) return found;
    throw new PgctlError('usage', `--instance: ${asked.instance} is not an instance of ${id}`, {
      hint: `Its instances: ${names.join(', ') || 'none'}.`,
    });
  }
  const [primary, ...more] = instances.filter(({ role }) => role === 'primary');
  const hint = `Name one with --instance: ${names.join(', ')}.`;
  if (primary === undefined)
    throw new PgctlError('operation_failed', `database ${id} has no primary now`, { hint });
  if (more.length > 0) throw new PgctlError('usage', `database ${id} has more than one primary`, { hint });
  return primary;
}
