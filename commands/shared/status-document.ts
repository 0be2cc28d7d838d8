import { findingsOf } from '../../src/records/findings.ts';
import type { StatusDocument } from '../../src/ui/documents.ts';
import type { App } from './app.ts';
import { readFleet } from './fleet.ts';

/** Every database as it is now, and what is wrong. */
export async function readStatus(app: App): Promise<StatusDocument> {
  const { databases, snapshot, tasks, patroniNamespace } = await readFleet(app);
  const findings = findingsOf({
    databases,
    clusters: snapshot.patroni,
    locks: snapshot.locks,
    tasks,
    corrupt: snapshot.corrupt,
    patroniNamespace,
  });
  return { kind: 'Status', databases, findings };
}
