import { PgctlError } from '../../src/errors.ts';
import type { OperationRequest } from '../../src/executor/request.ts';
import type { View } from '../../src/executor/intention.ts';
import type { InstanceRecord } from '../../src/records/types.ts';
import { readSpec } from '../../src/spec/read.ts';
import type { StoredSpec } from '../../src/spec/types.ts';
import { requireDatabase } from '../../src/store/snapshot.ts';
import { type CreationInput, intentionFor, recordsOf } from './spec-operation.ts';

/** A stored spec, read again. Where this pgctl does not take it any more, that says so. */
export function specOf(id: string, stored: StoredSpec): CreationInput {
  const read = readSpec({ text: Buffer.from(JSON.stringify(stored)), file: `spec of ${id}` });
  if (read.ok) return { ...read, stored };
  throw new PgctlError('store_corrupt', `the stored spec of ${id} is not valid`, {
    details: read.issues.map(({ path, message }) => `${path}: ${message}`),
    hint: 'Apply a spec that is, with `pgctl db apply -f`.',
  });
}

/** What is asked of instances. */
export const INSTANCE_VERBS = {
  restart: (record, now) => ({ ...record, restart_requested: now }),
  stop: (record) => ({ ...record, running: false }),
  start: (record) => ({ ...record, running: true }),
} as const satisfies Record<string, (record: InstanceRecord, now: string) => InstanceRecord>;
export type InstanceVerb = keyof typeof INSTANCE_VERBS;

export interface InstanceRequest {
  readonly verb: InstanceVerb;
  readonly databaseId: string;
  /** One instance; null for every one of the database that runs. */
  readonly instanceId: string | null;
}

/**
 * Restarting, stopping or starting instances: a change of what their records want of them, which is planned
 * and done like every other change.
 */
export function instanceOperation({ verb, databaseId, instanceId }: InstanceRequest): OperationRequest {
  return {
    operation: verb,
    databaseId,
    command: instanceId === null ? `db ${verb} ${databaseId}` : `instance ${verb} ${instanceId}`,
    decide(view, tools) {
      const database = requireDatabase(view.snapshot).value;
      const now = tools.now().toISOString();
      const records = recordsOf(view);
      if (instanceId !== null) assertFit(verb, instanceId, view);
      const change = INSTANCE_VERBS[verb];
      const chosen = ({ instance_id, running }: InstanceRecord): boolean =>
        instanceId === null ? running : instance_id === instanceId;
      return intentionFor({
        view,
        tools,
        input: specOf(databaseId, database.spec),
        records: records.map((record) => (chosen(record) ? change(record, now) : record)),
      });
    },
  };
}

function assertFit(verb: InstanceVerb, instanceId: string, view: View): void {
  const record = recordsOf(view).find(({ instance_id }) => instance_id === instanceId);
  if (record === undefined) throw new PgctlError('not_found', `there is no instance ${instanceId}`);
  if (verb === 'restart' && !record.running) {
    throw new PgctlError('usage', `instance ${instanceId} is stopped, so there is nothing to restart`, {
      hint: `Start it with \`pgctl instance start ${instanceId}\`.`,
    });
  }
}
