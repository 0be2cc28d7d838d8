import type { IPermission } from 'etcd3';
import type { Secret } from '../secret.ts';
import type { Kv } from './kv.ts';
import { bytes, prefixEnd } from './txn.ts';

/** Whether pgctl can lock an instance out of etcd by taking its user away. */
export type EtcdUserRights =
  /** etcd runs without authentication, as far as pgctl is concerned: there are no users. */
  | 'no_auth'
  /** pgctl's own user may manage users and roles. */
  | 'granted'
  /** pgctl has a user, and that may not manage others. */
  | 'denied';

/** A user of etcd that one instance has, with a role of the same name. */
export interface InstanceUser {
  readonly user: string;
  /** Prefix of the keys that it may read and write. */
  readonly scopePrefix: string;
  /** Key that it may read besides. */
  readonly guardKey: string;
  readonly password: Secret;
}

/**
 * etcd's own users and roles, as far as instances have some. Every change of one makes the tokens of all others
 * invalid, so changes are made one after another: side by side, each would void the token of the next.
 */
export class EtcdUsers {
  readonly #kv: Kv;
  #last: Promise<unknown> = Promise.resolve();

  constructor(kv: Kv) {
    this.#kv = kv;
  }

  /** What pgctl's own user may do; asked of etcd each time. */
  async rights(): Promise<EtcdUserRights> {
    if (!this.#kv.authenticates) return 'no_auth';
    // Only root's rights reach the list of users.
    const users = await this.#kv.manage((auth, options) => auth.userList(options), 'refused');
    return users === null ? 'denied' : 'granted';
  }

  /** Names of all users. */
  async list(): Promise<readonly string[]> {
    return (await this.#kv.manage((auth, options) => auth.userList(options)))?.users ?? [];
  }

  /**
   * Makes a user and its role, or makes those that are there what they should be; the user can be used all the
   * time. Can be repeated.
   */
  put({ user, scopePrefix, guardKey, password }: InstanceUser): Promise<void> {
    const permissions: readonly IPermission[] = [
      { permType: 'Readwrite', key: bytes(scopePrefix), range_end: prefixEnd(scopePrefix) },
      { permType: 'Read', key: bytes(guardKey), range_end: Buffer.alloc(0) },
    ];
    return this.#inTurn(async () => {
      await this.#putRole(user, permissions);
      const login = { name: user, password: password.reveal() };
      const made = await this.#kv.manage((auth, options) => auth.userAdd(login, options), 'present');
      if (made === null) await this.#kv.manage((auth, options) => auth.userChangePassword(login, options));
      await this.#kv.manage((auth, options) => auth.userGrantRole({ user, role: user }, options));
    });
  }

  /** Removes a user and its role; those that are gone already are no error. */
  drop(user: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#kv.manage((auth, options) => auth.userDelete({ name: user }, options), 'absent');
      await this.#kv.manage((auth, options) => auth.roleDelete({ role: user }, options), 'absent');
    });
  }

  async #putRole(role: string, permissions: readonly IPermission[]): Promise<void> {
    const kv = this.#kv;
    const made = await kv.manage((auth, options) => auth.roleAdd({ name: role }, options), 'present');
    if (made === null) {
      // One that an earlier instance of the name left may reach more than it should.
      const found = await kv.manage((auth, options) => auth.roleGet({ role }, options));
      const wanted = new Set(permissions.map(rangeOf));
      for (const { key, range_end } of found?.perm.filter((one) => !wanted.has(rangeOf(one))) ?? []) {
        await kv.manage((auth, options) => auth.roleRevokePermission({ role, key, range_end }, options));
      }
    }
    for (const perm of permissions) {
      await kv.manage((auth, options) => auth.roleGrantPermission({ name: role, perm }, options));
    }
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

const rangeOf = ({ key, range_end }: Pick<IPermission, 'key' | 'range_end'>): string =>
  `${key.toString('base64')} ${range_end.toString('base64')}`;
