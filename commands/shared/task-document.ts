import type { TaskRecord } from '../../src/records/types.ts';
import type { TaskDocument } from '../../src/ui/documents.ts';
import { isInterrupted, type Locks } from './task-runs.ts';

/** @param locks where they were read: a task that is at work and holds none was interrupted */
export function taskDocument(task: TaskRecord, locks?: Locks): TaskDocument {
  const { task_id, operation, scope, entity_id, state, error, who, from, started_at, finished_at, events } =
    task;
  const interrupted = { task_id, who, from, since: started_at };
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
    ...(locks !== undefined && isInterrupted(task, locks) ? { interrupted } : {}),
  };
}
