/**
 * Parameters that Postgres reads when it starts and then never again: `pg_settings.context` is `postmaster`.
 * Of all supported versions together; a parameter that only some of them have needs a restart in those.
 * Source: `postgres --describe-config` of 15 and 17, and the documentation of the others. Those that nobody may
 * set in a spec are left out.
 */
const AT_START: ReadonlySet<string> = new Set([
  'autovacuum_freeze_max_age',
  'autovacuum_multixact_freeze_max_age',
  'autovacuum_worker_slots',
  'bonjour',
  'bonjour_name',
  'commit_timestamp_buffers',
  'data_sync_retry',
  'debug_io_direct',
  'dynamic_shared_memory_type',
  'huge_page_size',
  'huge_pages',
  'ignore_invalid_pages',
  'io_max_combine_limit',
  'io_max_concurrency',
  'io_method',
  'jit_provider',
  'logging_collector',
  'max_active_replication_origins',
  'max_connections',
  'max_files_per_process',
  'max_locks_per_transaction',
  'max_logical_replication_workers',
  'max_notify_queue_pages',
  'max_pred_locks_per_transaction',
  'max_prepared_transactions',
  'max_replication_slots',
  'max_wal_senders',
  'max_worker_processes',
  'min_dynamic_shared_memory',
  'multixact_member_buffers',
  'multixact_offset_buffers',
  'notify_buffers',
  'old_snapshot_threshold',
  'reserved_connections',
  'serializable_buffers',
  'shared_buffers',
  'shared_memory_type',
  'shared_preload_libraries',
  'subtransaction_buffers',
  'superuser_reserved_connections',
  'trace_connection_negotiation',
  'track_activity_query_size',
  'track_commit_timestamp',
  'transaction_buffers',
  'unix_socket_directories',
  'unix_socket_group',
  'unix_socket_permissions',
  'wal_buffers',
  'wal_decode_buffer_size',
  'wal_level',
]);

/** Needs a restart up to version 17, and a reload from 18 on. */
const BY_VERSION: ReadonlySet<string> = new Set(['autovacuum_max_workers']);

/**
 * Whether a new value of a parameter costs a restart. `perhaps`: that is for an extension to say, or for the
 * version.
 */
export function needsRestart(parameter: string): 'yes' | 'no' | 'perhaps' {
  if (AT_START.has(parameter)) return 'yes';
  return parameter.includes('.') || BY_VERSION.has(parameter) ? 'perhaps' : 'no';
}

const SECRET_WORDS = /passw|passphrase|secret|token|credential|apikey|api_key|private_key|conninfo/;

/** Whether a value of a parameter is nobody's business: extensions have passwords among theirs. */
export function isSecretParameter(parameter: string): boolean {
  return SECRET_WORDS.test(parameter) && parameter !== 'password_encryption';
}
