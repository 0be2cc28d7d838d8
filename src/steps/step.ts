import type { Secret } from '../secret.ts';

/**
 * Which account a step runs under on its host. `admin` is root, or the login user itself on a host where
 * pgctl has no root (a local host of an ordinary user); `postgres` is the account that owns the data.
 */
export type Account = 'admin' | 'postgres';

/** Text that may hold secrets. It only ever travels over stdin, never in an argument list. */
export type Text = string | Secret | readonly (string | Secret)[];

/** Runs a shell script. */
export interface ScriptStep {
  readonly kind: 'script';
  /** What it does, for people: `stop unit pgctl-shop.n1.host-1`. */
  readonly name: string;
  /** POSIX shell, run with -e and -u. Constant text: values come in as `$1`, `$2`, … and on stdin. */
  readonly script: string;
  readonly args: readonly string[];
  readonly stdin?: Text;
  readonly account: Account;
}

/** Writes a file whole: beside it, synced, renamed into place. */
export interface FileStep {
  readonly kind: 'file';
  readonly path: string;
  readonly content: Text;
  /** Octal, such as `0600`. */
  readonly mode: string;
  readonly owner: Account;
}

/** Runs SQL through the host's own socket as the superuser. */
export interface SqlStep {
  readonly kind: 'sql';
  readonly name: string;
  readonly connection: SqlConnection;
  readonly sql: Text;
}

export interface SqlConnection {
  readonly bin_dir: string;
  readonly socket_dir: string;
  readonly port: number;
  readonly database: string;
}

/**
 * Runs a script again and again until it exits with 0. Exit status 75 (EX_TEMPFAIL) means not yet; any other
 * means that it never will be. There is no limit as long as what it prints on stdout keeps changing; what it
 * printed last is in PGCTL_LAST, and how often it ran before in PGCTL_TURN. When that stalled, it runs once more
 * with PGCTL_STALLED set, and what it prints then goes into the error.
 */
export interface WaitStep {
  readonly kind: 'wait';
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly account: Account;
  /** How long what the script prints may stay the same, in seconds. */
  readonly stallSeconds: number;
}

/** Removes Patroni's keys of a cluster from etcd, or one member's only; runs on pgctl's own machine. */
export interface DropKeysStep {
  readonly kind: 'drop_keys';
  readonly scope: string;
  /** A host's id; absent for all keys of the cluster. */
  readonly member?: string;
}

/** Makes a user of etcd with a role of the same name, which reaches some of Patroni's keys. */
export interface PutEtcdUserStep {
  readonly kind: 'put_etcd_user';
  readonly user: string;
  /** Prefix of the keys that it may read and write. */
  readonly scope_prefix: string;
  /** Key that it may read besides. */
  readonly guard_key: string;
  readonly password: Secret;
}

/**
 * Removes a user of etcd with its role, and ends the leases of its member: keeping a lease alive needs no
 * rights, so an instance without a user would otherwise stay the leader.
 */
export interface DropEtcdUserStep {
  readonly kind: 'drop_etcd_user';
  readonly user: string;
  readonly scope: string;
  /** A host's id. */
  readonly member: string;
}

/** The steps that are about etcd and no host, from pgctl's own machine. */
export type StoreStep = DropKeysStep | PutEtcdUserStep | DropEtcdUserStep;
/** The steps that a host runs. */
export type HostStep = ScriptStep | FileStep | SqlStep | WaitStep;
export type Step = HostStep | StoreStep;

const STORE_STEPS: ReadonlySet<Step['kind']> = new Set<StoreStep['kind']>([
  'drop_keys',
  'put_etcd_user',
  'drop_etcd_user',
]);

export function isStoreStep(step: Step): step is StoreStep {
  return STORE_STEPS.has(step.kind);
}

/** What a step that ran to its end said. */
export interface StepOutput {
  readonly exitCode: number;
  readonly stdout: string;
}

/** A step's name for people. */
export function stepName(step: Step): string {
  switch (step.kind) {
    case 'file':
      return `write ${step.path}`;
    case 'drop_keys':
      return `remove Patroni's keys of ${step.scope}`;
    case 'put_etcd_user':
      return `make the etcd user ${step.user}`;
    case 'drop_etcd_user':
      return `remove the etcd user ${step.user}`;
    default:
      return step.name;
  }
}

/** The text with its secrets in clear: for what goes to a child's stdin, and nothing else. */
export function revealText(text: Text): string {
  if (typeof text === 'string') return text;
  if (Array.isArray(text)) return (text as readonly (string | Secret)[]).map(revealText).join('');
  return (text as Secret).reveal();
}
