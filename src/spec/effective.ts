import type { DatabaseSpec, NodeSpec } from './types.ts';

/**
 * A node with what it inherits: its ports override the database's, its parameters go over the database's of
 * the same name, its lines for pg_hba.conf and pg_ident.conf come after the database's.
 */
export function effectiveNode(spec: DatabaseSpec, node: NodeSpec): NodeSpec {
  const port = node.port ?? spec.port;
  const patroniPort = node.patroni_port ?? spec.patroni_port;
  return {
    name: node.name,
    host_ids: node.host_ids,
    ...(port === undefined ? {} : { port }),
    ...(patroniPort === undefined ? {} : { patroni_port: patroniPort }),
    postgresql_conf: { ...spec.postgresql_conf, ...node.postgresql_conf },
    pg_hba_conf: [...spec.pg_hba_conf, ...node.pg_hba_conf],
    pg_ident_conf: [...spec.pg_ident_conf, ...node.pg_ident_conf],
  };
}
