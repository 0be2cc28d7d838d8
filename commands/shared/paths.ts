import { homedir } from 'node:os';
import { join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

function xdg(env: Environment, name: string, ...fallback: string[]): string {
  const given = env[name];
  // The base directory specification says that relative paths are to be ignored.
  const base = given?.startsWith('/') === true ? given : join(env.HOME || homedir(), ...fallback);
  return join(base, 'pgctl');
}

/** Contexts and the sealing key. */
export const configDir = (env: Environment): string => xdg(env, 'XDG_CONFIG_HOME', '.config');

/** What pgctl keeps of its own on this machine: the local etcd, results that could not be written. */
export const stateDir = (env: Environment): string => xdg(env, 'XDG_STATE_HOME', '.local', 'state');

/** What can be thrown away at any time. */
export const cacheDir = (env: Environment): string => xdg(env, 'XDG_CACHE_HOME', '.cache');

/** Results of operations that etcd could not be told. */
export const spoolDir = (env: Environment): string => join(stateDir(env), 'spool');

/** Where `local up` says at which address its etcd listens. */
export const localEtcdFile = (env: Environment): string => join(stateDir(env), 'local', 'etcd.json');
