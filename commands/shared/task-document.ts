import type { TaskRecord } from '../../src/records/types.ts';
import type { TaskDocument } from '../../src/ui/documents.ts';

/** A task as it is shown. */
export function taskDocument(task: TaskRecord): TaskDocument {
  const { task_id, operation, scope, entity_id, state, error, who, from, started_at, finished_at, events } =
    task;
  return {
    kind: 'Task',
    task_id,
    operation,
    scope,
    entity_id,
    state,
    error,
    who,
    from,
    started_at,
    finished_at,
    events,
  };
}
