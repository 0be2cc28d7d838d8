import type { PgctlError } from '../../src/errors.ts';
import { toPgctlError } from '../../src/errors.ts';
import { type HostProblem, probeHost } from '../../src/executor/probe-host.ts';
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
  timeout: 'unusable',
};

/** What a look at a host found. */
export interface SeenHost {
  /** Its record with new facts; null where it could not be looked at. */
  readonly host: HostRecord | null;
  readonly state: HostDocument['state'];
  readonly problems: readonly HostProblem[];
  /** Whether it took longer than the user allowed. */
  readonly late: boolean;
}

/** A host that was checked. */
export interface CheckedHost {
  readonly document: HostDocument;
  readonly late: boolean;
}

/** Looks at a host. One that cannot be reached or used is a result; what is wrong elsewhere is thrown. */
export async function lookAtHost(app: App, host: HostRecord): Promise<SeenHost> {
  const { endpoints, hostTls: tls } = await app.connection();
  try {
    const seen = await probeHost({
      transport: await app.transport(),
      host,
      endpoints,
      tls,
      now: () => new Date(),
      limitMs: app.globals.timeoutMs,
    });
    return {
      host: seen.host,
      state: seen.findings.length === 0 ? 'reachable' : 'unusable',
      problems: seen.findings,
      late: false,
    };
  } catch (thrown) {
    const error = toPgctlError(thrown);
    const state = STATE_OF[error.code];
    if (state === undefined) throw error;
    const remedy = error.hint ?? `See \`pgctl host get ${host.host_id}\`.`;
    const problem = { severity: 'error', message: error.message, remedy } as const;
    return { host: null, state, problems: [problem], late: error.code === 'timeout' };
  }
}

/** Looks at a host and says how it is; with `record` its record gets what was found. */
export async function checkHost(
  app: App,
  stored: StoredHost,
  { record }: { readonly record: boolean },
): Promise<CheckedHost> {
  const store = await app.store();
  if (record) await store.hosts.assertPermitted(stored.value.host_id);
  const { host, state, problems, late } = await lookAtHost(app, stored.value);
  const findings = problems.map(({ message }) => message);
  if (host === null) return { document: hostDocument(stored.value, { state, findings }), late };
  if (record) await store.hosts.put(host, { modRevision: stored.modRevision });
  const all = [...findings, ...(await lockOutFindings(store))];
  const found = { state: all.length === 0 ? 'reachable' : 'unusable', findings: all } as const;
  return { document: hostDocument(host, found), late };
}
