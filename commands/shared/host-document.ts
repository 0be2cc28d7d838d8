import type { HostRecord } from '../../src/records/types.ts';
import type { HostDocument } from '../../src/ui/documents.ts';

/** A host as it is shown. Without a look at it just now its state is unknown. */
export function hostDocument(
  host: HostRecord,
  seen: { readonly state: HostDocument['state']; readonly findings?: readonly string[] } = {
    state: 'unknown',
  },
): HostDocument {
  return {
    kind: 'Host',
    id: host.host_id,
    address: host.address,
    state: seen.state,
    advertise: host.advertise,
    ssh: host.ssh,
    base_dir: host.base_dir,
    service_manager: host.service_manager,
    facts: host.facts,
    labels: host.labels,
    findings: seen.findings ?? [],
    created_at: host.created_at,
    updated_at: host.updated_at,
  };
}
