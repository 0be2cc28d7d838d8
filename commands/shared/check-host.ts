import type { PgctlError } from '../../src/errors.ts';
import { toPgctlError } from '../../src/errors.ts';
import { probeHost } from '../../src/executor/probe-host.ts';
import type { HostRecord } from '../../src/records/types.ts';
import type { HostDocument } from '../../src/ui/documents.ts';
import type { App } from './app.ts';
import { hostDocument } from './host-document.ts';
import { lockOutFindings } from './lock-out.ts';

/** A host as it was read. */
export interface StoredHost {
  readonly value: HostRecord;
  readonly modRevision: string;
}

/** What an error of a look at a host says of the host's state; of other errors it says nothing. */
const STATE_OF: Partial<Record<PgctlError['code'], HostDocument['state']>> = {
  host_unreachable: 'unreachable',
  host_unusable: 'unusable',
};

/** Looks at a host and says how it is; with `record` its record gets what was found. */
export async function checkHost(
  app: App,
  stored: StoredHost,
  { record }: { readonly record: boolean },
): Promise<HostDocument> {
  const { endpoints } = await app.connection();
  try {
    const { host, findings } = await probeHost({
      transport: await app.transport(),
      host: stored.value,
      endpoints,
      now: () => new Date(),
    });
    const store = await app.store();
    if (record) await store.hosts.put(host, { modRevision: stored.modRevision });
    const all = [...findings, ...(await lockOutFindings(store))];
    return hostDocument(host, { state: all.length === 0 ? 'reachable' : 'unusable', findings: all });
  } catch (thrown) {
    const error = toPgctlError(thrown);
    const state = STATE_OF[error.code];
    if (state === undefined) throw error;
    return hostDocument(stored.value, { state, findings: [error.message] });
  }
}
