import { randomBytes } from 'node:crypto';
import { verifierSecret } from '../../plans/desired-state.ts';
import {
  ETCD_FILE_NAMES,
  ETCD_FILES,
  type EtcdTls,
  type EtcdTlsDigests,
} from '../../src/resources/etcd-tls.ts';
import { etcdSecret } from '../../src/resources/etcd-user.ts';
import { SYSTEM_SECRETS, type SystemSecret } from '../../src/resources/patroni-config.ts';
import { SALT_BYTES, scramMatches, scramVerifier, secretDigest } from '../../src/scram.ts';
import { Secret } from '../../src/secret.ts';
import type { DatabaseSpec } from '../../src/spec/types.ts';

const PASSWORD_BYTES = 24;

export interface PasswordsInput {
  readonly spec: DatabaseSpec;
  /** Secrets of the database, opened. */
  readonly stored: ReadonlyMap<string, Secret>;
  /** Ids of the instances that have a user in etcd; null where etcd has no users. */
  readonly etcdUsers: readonly string[] | null;
  /** What instances reach etcd with; nothing where that is not over TLS. */
  readonly etcdTls: EtcdTls;
}

/** Secrets that the database needs: what is stored, and what is new or differs. */
export interface Passwords {
  readonly system: Readonly<Record<SystemSecret, string>>;
  readonly verifiers: ReadonlyMap<string, string>;
  /** Of etcd users, by the instance's id; undefined where etcd has no users. */
  readonly etcd: ReadonlyMap<string, string> | undefined;
  readonly etcdTls: EtcdTlsDigests;
  readonly fresh: ReadonlyMap<string, Secret>;
}

/**
 * The passwords of Patroni's accounts are random and made once. A user's verifier is made anew only where the
 * stored one is not of the password in the spec, so that the same spec plans nothing.
 */
export function passwordsFor({ spec, stored, etcdUsers, etcdTls }: PasswordsInput): Passwords {
  const fresh = new Map<string, Secret>();
  const digest = (name: string): string => {
    const secret = stored.get(name) ?? new Secret(randomBytes(PASSWORD_BYTES).toString('base64url'));
    if (!stored.has(name)) fresh.set(name, secret);
    return secretDigest(secret);
  };
  const system = Object.fromEntries(SYSTEM_SECRETS.map((name) => [name, digest(name)])) as Record<
    SystemSecret,
    string
  >;
  const etcd = etcdUsers === null ? undefined : new Map(etcdUsers.map((id) => [id, digest(etcdSecret(id))]));
  const etcdFiles = Object.entries(etcdTls).map(([name, content]) => {
    const { secret } = ETCD_FILES[name as keyof EtcdTls];
    if (stored.get(secret)?.reveal() !== content.reveal()) fresh.set(secret, content);
    return [name, secretDigest(content)];
  });
  const verifiers = new Map<string, string>();
  for (const { username, password } of spec.database_users) {
    const name = verifierSecret(username);
    const known = stored.get(name);
    if (password !== undefined && (known === undefined || !scramMatches(known, password))) {
      const verifier = scramVerifier(password, randomBytes(SALT_BYTES));
      fresh.set(name, verifier);
      verifiers.set(username, secretDigest(verifier));
    } else if (known !== undefined) {
      verifiers.set(username, secretDigest(known));
    }
  }
  return { system, verifiers, etcd, etcdTls: Object.fromEntries(etcdFiles) as EtcdTlsDigests, fresh };
}

/** Secrets of users that the spec does not have any more, of etcd users of instances that are gone, and of etcd's files that are not needed. */
export function obsoleteSecrets({ spec, stored, etcdUsers, etcdTls }: PasswordsInput): string[] {
  const wanted = new Set<string>([
    ...SYSTEM_SECRETS,
    ...spec.database_users.map(({ username }) => verifierSecret(username)),
    ...(etcdUsers ?? []).map(etcdSecret),
    ...ETCD_FILE_NAMES.filter((name) => etcdTls[name] !== undefined).map((name) => ETCD_FILES[name].secret),
  ]);
  return [...stored.keys()].filter((name) => !wanted.has(name));
}
