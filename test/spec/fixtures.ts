import { formatIssue } from '../../src/spec/issue.ts';
import { readSpec } from '../../src/spec/read.ts';
import type { ReadSpec } from '../../src/spec/read.ts';
import type { DatabaseSpec } from '../../src/spec/types.ts';

/** A password that must turn up nowhere. */
export const CANARY = 'canary-8f2e';

/** A valid spec with every field; tests change one thing in it. */
export const SHOP = `id: shop
tenant_id: acme
database_name: shop_db
postgres_version: "17.4"
port: 5433
patroni_port: 8009
nodes:
  - name: n1
    host_ids: [host-1, host-2, host-3]
    port: 5434
    patroni_port: 8010
    postgresql_conf:
      work_mem: 8MB
    pg_hba_conf:
      - host shop_db app 10.1.0.0/16 scram-sha-256
    pg_ident_conf:
      - admins bob app
database_users:
  - username: app
    password: ${CANARY}
    db_owner: true
    attributes: [login, Connection Limit 20]
    roles: [pg_monitor]
  - username: report
    attributes: [LOGIN, NOINHERIT]
    roles: [app]
postgresql_conf:
  max_connections: 200
  shared_buffers: 1GB
  Work_Mem: 4MB
  jit: false
pg_hba_conf:
  - host all all 10.0.0.0/8 scram-sha-256
pg_ident_conf:
  - admins alice app
`;

export function read(text: string | Uint8Array, file = 'shop.yaml'): ReadSpec {
  return readSpec({ text: typeof text === 'string' ? new TextEncoder().encode(text) : text, file });
}

/** The errors of a file as the user sees them; none for a valid one. */
export function errorsOf(text: string | Uint8Array): string[] {
  const result = read(text);
  return result.ok ? [] : result.issues.map((issue) => formatIssue('shop.yaml', issue));
}

/** The spec of a file that has to be valid. */
export function specOf(text: string): DatabaseSpec {
  const result = read(text);
  if (!result.ok) throw new Error(errorsOf(text).join('\n'));
  return result.spec;
}

/** The valid spec with one thing changed. */
export function changed(from: string, to: string): string {
  if (!SHOP.includes(from)) throw new Error(`not in the spec: ${from}`);
  return SHOP.replace(from, () => to);
}

/** A short valid spec, and further lines at its end. */
export function withLines(...lines: string[]): string {
  return ['id: shop', 'nodes: [{name: n1, host_ids: [a]}]', ...lines, ''].join('\n');
}
