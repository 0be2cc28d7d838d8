import { deleteDatabase } from '../../plans/delete-database.ts';
import { PgctlError } from '../../src/errors.ts';
import type { OperationRequest } from '../../src/executor/request.ts';

/** Deleting a database: everything of it on its hosts, then its records. Works in whatever state it is. */
export function deletion(databaseId: string): OperationRequest {
  return {
    operation: 'delete',
    databaseId,
    command: `db delete ${databaseId}`,
    decide({ snapshot }) {
      const database = snapshot.database?.value;
      if (database === undefined) {
        throw new PgctlError('not_found', `there is no database ${databaseId}`, {
          hint: 'See `pgctl db list`.',
        });
      }
      return {
        desired: deleteDatabase(),
        database: { state: 'deleting', spec: database.spec, uid: database.uid },
        instances: [],
        ports: [],
        secrets: new Map(),
      };
    },
  };
}
