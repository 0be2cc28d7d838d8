import { shown } from './wording.ts';

/** A value of `postgresql_conf` as it stands in a spec. */
export type ParameterValue = string | number | boolean;

/** Parameter names of Postgres and, with a dot, of its extensions. */
const NAME = /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_$]*)*$/;

const ADDRESS = 'pgctl sets it from the addresses of the hosts; leave it out';
const FILES = 'pgctl decides where files are; leave it out';
const PATRONI = 'Patroni sets it itself; leave it out';
const ARCHIVING = 'not supported yet; archiving comes with backups';
const RECOVERY = 'not supported yet; recovery to a point in time comes with backups';
const TLS = 'not supported yet; TLS between clients and Postgres comes later';
const INCLUDE = 'files cannot be included; write the parameters into postgresql_conf';
const PINNED = 'it is fixed when the database is created (UTF8, C.UTF-8); leave it out';
const READ_ONLY = 'it only shows something and cannot be set; leave it out';

/** Parameters that pgctl or Patroni own, with the reason and what to do instead. */
export const OWNED_PARAMETERS: Readonly<Record<string, string>> = {
  listen_addresses: ADDRESS,
  port: 'use the field port of the database or the node',
  cluster_name: PATRONI,
  hot_standby: PATRONI,
  wal_log_hints: PATRONI,
  primary_conninfo: PATRONI,
  primary_slot_name: PATRONI,
  promote_trigger_file: PATRONI,
  trigger_file: PATRONI,
  synchronous_standby_names: 'not supported yet; synchronous replication comes later',
  recovery_min_apply_delay: 'not supported yet; delayed replicas come later',
  data_directory: FILES,
  config_file: FILES,
  hba_file: 'use the field pg_hba_conf',
  ident_file: 'use the field pg_ident_conf',
  external_pid_file: FILES,
  unix_socket_directories: FILES,
  include: INCLUDE,
  include_dir: INCLUDE,
  include_if_exists: INCLUDE,
  password_encryption: 'pgctl stores passwords as scram-sha-256 only; leave it out',
  data_checksums: 'pgctl always turns data checksums on; leave it out',
  event_source: 'it only has a meaning on Windows; leave it out',
  wal_keep_segments: 'Postgres has wal_keep_size instead',
  archive_mode: ARCHIVING,
  archive_command: ARCHIVING,
  archive_library: ARCHIVING,
  archive_timeout: ARCHIVING,
  archive_cleanup_command: ARCHIVING,
  restore_command: ARCHIVING,
  recovery_end_command: ARCHIVING,
  recovery_target: RECOVERY,
  recovery_target_action: RECOVERY,
  recovery_target_inclusive: RECOVERY,
  recovery_target_lsn: RECOVERY,
  recovery_target_name: RECOVERY,
  recovery_target_time: RECOVERY,
  recovery_target_timeline: PATRONI,
  recovery_target_xid: RECOVERY,
  server_encoding: PINNED,
  lc_collate: PINNED,
  lc_ctype: PINNED,
  block_size: READ_ONLY,
  data_directory_mode: READ_ONLY,
  debug_assertions: READ_ONLY,
  huge_pages_status: READ_ONLY,
  in_hot_standby: READ_ONLY,
  integer_datetimes: READ_ONLY,
  max_function_args: READ_ONLY,
  max_identifier_length: READ_ONLY,
  max_index_keys: READ_ONLY,
  num_os_semaphores: READ_ONLY,
  segment_size: READ_ONLY,
  server_version: READ_ONLY,
  server_version_num: READ_ONLY,
  shared_memory_size: READ_ONLY,
  shared_memory_size_in_huge_pages: READ_ONLY,
  wal_block_size: READ_ONLY,
  wal_segment_size: READ_ONLY,
};

/** What values a parameter of the dynamic configuration takes. */
export type ValueRule =
  | { readonly kind: 'integer'; readonly min: number }
  | { readonly kind: 'megabytes'; readonly min: number }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'word'; readonly words: readonly string[] };

/**
 * Parameters that Patroni reads from its dynamic configuration in etcd and nowhere else, because they must be
 * the same on primary and replicas. Values below the smallest are ignored by Patroni without an error, so
 * they are refused here. Source: Patroni's documentation, "PostgreSQL parameters controlled by Patroni".
 */
export const DYNAMIC_PARAMETERS = {
  max_connections: { kind: 'integer', min: 25, default: '100' },
  max_locks_per_transaction: { kind: 'integer', min: 32, default: '64' },
  max_worker_processes: { kind: 'integer', min: 2, default: '8' },
  max_prepared_transactions: { kind: 'integer', min: 0, default: '0' },
  wal_level: { kind: 'word', words: ['replica', 'logical'], default: 'replica' },
  track_commit_timestamp: { kind: 'boolean', default: 'off' },
  max_wal_senders: { kind: 'integer', min: 3, default: '10' },
  max_replication_slots: { kind: 'integer', min: 4, default: '10' },
  wal_keep_size: { kind: 'megabytes', min: 16, default: '128MB' },
} as const satisfies Record<string, ValueRule & { readonly default: string }>;

/**
 * Those of them that a replica must not have lower than its primary: Postgres does not start it otherwise. So
 * they are raised on replicas first and lowered on the primary first. Source: Postgres's documentation, "Hot
 * Standby", "Administrator's Overview".
 */
export const STANDBY_PARAMETERS = [
  'max_connections',
  'max_locks_per_transaction',
  'max_worker_processes',
  'max_prepared_transactions',
  'max_wal_senders',
] as const satisfies readonly (keyof typeof DYNAMIC_PARAMETERS)[];

/** All dynamic parameters: as given, or Patroni's own default, so that one that is taken out goes back to it. */
export function dynamicParameters(
  given: Readonly<Record<string, string>>,
): Readonly<Record<DynamicParameter, string>> {
  const names = Object.keys(DYNAMIC_PARAMETERS) as DynamicParameter[];
  return Object.fromEntries(
    names.map((name) => [name, exactText(name, given[name] ?? DYNAMIC_PARAMETERS[name].default)]),
  ) as Record<DynamicParameter, string>;
}

/** The one form of a value in which Postgres shows it. */
function exactText(name: DynamicParameter, text: string): string {
  const { kind } = DYNAMIC_PARAMETERS[name];
  if (kind === 'integer') return String(Number(text));
  if (kind === 'boolean') return /^(on|true|yes|1)$/i.test(text) ? 'on' : 'off';
  return text;
}

export type DynamicParameter = keyof typeof DYNAMIC_PARAMETERS;

/** Whether Patroni takes this parameter from its dynamic configuration, not from a host's file. */
export function isDynamicParameter(name: string): name is DynamicParameter {
  return Object.hasOwn(DYNAMIC_PARAMETERS, name);
}

/** The form in which names are kept and compared; Postgres does not tell upper and lower case apart. */
export function parameterName(name: string): string {
  return name.toLowerCase();
}

/** A value as the configuration file of Postgres has it, before quoting. */
export function parameterText(value: ParameterValue): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return String(value);
}

/** Why this is not a parameter the user may set. */
export function parameterNameProblem(written: string): string | undefined {
  const name = parameterName(written);
  if (!NAME.test(name))
    return 'is not the name of a parameter; use letters, digits, _ and, for an extension, a dot';
  if (Object.hasOwn(OWNED_PARAMETERS, name)) return `cannot be set here; ${OWNED_PARAMETERS[name]}`;
  if (name === 'ssl' || name.startsWith('ssl_')) return `cannot be set here; ${TLS}`;
  return undefined;
}

const MEGABYTES: Readonly<Record<string, number>> = {
  B: 1 / 1024 / 1024,
  kB: 1 / 1024,
  MB: 1,
  GB: 1024,
  TB: 1024 * 1024,
};

function megabytes(text: string): number {
  const [, number = '', unit = 'MB'] = /^\s*(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|TB)?\s*$/.exec(text) ?? [];
  return number === '' ? NaN : Number(number) * (MEGABYTES[unit] ?? NaN);
}

/** The words Postgres reads as a boolean; it also takes their beginnings, which nobody needs here. */
const BOOLEAN = /^(on|off|true|false|yes|no|1|0)$/i;

function ruleProblem(rule: ValueRule, text: string): string | undefined {
  switch (rule.kind) {
    case 'integer':
      if (/^\d{1,9}$/.test(text) && Number(text) >= rule.min) return undefined;
      return `must be a whole number, at least ${rule.min}, not ${shown(text)}`;
    case 'megabytes':
      if (megabytes(text) >= rule.min) return undefined;
      return `must be a size of at least ${rule.min}MB, not ${shown(text)}`;
    case 'boolean':
      return BOOLEAN.test(text) ? undefined : `must be on or off, not ${shown(text)}`;
    case 'word':
      return rule.words.includes(text) ? undefined : `must be ${rule.words.join(' or ')}, not ${shown(text)}`;
  }
}

/** Why this value will not do. Values of other than dynamic parameters are never repeated: some are secrets. */
export function parameterValueProblem(written: string, value: ParameterValue): string | undefined {
  const text = parameterText(value);
  if (/[\r\n\0]/.test(text)) return 'goes over several lines; write it on one line, in quotes';
  const name = parameterName(written);
  return isDynamicParameter(name) ? ruleProblem(DYNAMIC_PARAMETERS[name], text) : undefined;
}
