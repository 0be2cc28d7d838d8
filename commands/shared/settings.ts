import { join } from 'node:path';
import type { OptionValues } from 'commander';
import { type PgctlError, toPgctlError } from '../../src/errors.ts';
import { type ContextFile, type ContextSettings, readContextFile, settingsOf } from './context-file.ts';
import { contextKey, longName, optionKey, VALUE_OPTIONS } from './global-options.ts';
import { configDir, type Environment } from './paths.ts';

/** Where a setting comes from, the first that has it: flag, environment, context, default. */
export type Source = 'flag' | 'environment' | 'context' | 'default';

/** A setting with a value of somebody's. */
export interface Setting {
  readonly value: string;
  readonly source: Source;
  /** What to change to have another value: the flag, the variable, or the file. */
  readonly from: string;
}

/** Settings that take a value, by the names of their options without the dashes. */
export interface Settings {
  /** The context that is in use; null for none. */
  readonly context: Setting | null;
  /** Why the context cannot be used. Whoever needs none goes on without it. */
  readonly problem: PgctlError | null;
  /** Undefined where nobody gave one. */
  get(name: string): Setting | undefined;
}

/** The value of an option from its flag, else its variable. */
function given(
  name: string,
  { options, env }: { readonly options: OptionValues; readonly env: Environment },
): Setting | undefined {
  const option = VALUE_OPTIONS.find((one) => longName(one) === name);
  if (option === undefined) return undefined;
  const flag = options[optionKey(option)] as string | undefined;
  if (flag !== undefined) return { value: flag, source: 'flag', from: `--${name}` };
  const value = option.env === undefined ? undefined : env[option.env];
  if (option.env === undefined || value === undefined || value === '') return undefined;
  return { value, source: 'environment', from: option.env };
}

/** Finds out what holds, flag before environment before context. Never throws for what a context says. */
export async function readSettings(options: OptionValues, env: Environment): Promise<Settings> {
  let context = given('context', { options, env }) ?? null;
  let settings: ContextSettings = {};
  let problem: PgctlError | null = null;
  try {
    const file: ContextFile = await readContextFile(env);
    if (context === null && file.current !== null)
      context = { value: file.current, source: 'context', from: 'its `current`' };
    if (context !== null) settings = settingsOf(file, context.value);
  } catch (thrown) {
    problem = toPgctlError(thrown);
  }
  return {
    context,
    problem,
    get(name) {
      const setting = given(name, { options, env });
      if (setting !== undefined || context === null) return setting;
      const option = VALUE_OPTIONS.find((one) => longName(one) === name);
      const value = option === undefined ? undefined : settings[contextKey(option)];
      return value === undefined ? undefined : { value, source: 'context', from: `context ${context.value}` };
    },
  };
}

/** Settings that have a variable and no option, with what holds where it is not set. */
export function furtherSettings(env: Environment): readonly (readonly [name: string, setting: Setting])[] {
  const of = (variable: string, fallback: string): Setting => {
    const value = env[variable];
    return value === undefined || value === ''
      ? { value: fallback, source: 'default', from: variable }
      : { value, source: 'environment', from: variable };
  };
  return [
    ['ssh', of('PGCTL_SSH', 'ssh')],
    ['secret-key-file', of('PGCTL_SECRET_KEY_FILE', join(configDir(env), 'secret.key'))],
  ];
}
