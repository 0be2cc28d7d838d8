import type { OptionValues } from 'commander';
import { PgctlError } from '../../src/errors.ts';
import { didYouMean } from '../../src/spec/nearest.ts';
import { parseDuration } from './durations.ts';
import type { Setting, Settings } from './settings.ts';

export const OUTPUT_FORMATS = ['text', 'json', 'yaml'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];
export const COLOR_MODES = ['auto', 'always', 'never'] as const;

/** Settings that hold for every command, from flag, environment, context file and default, in this order. */
export interface Globals {
  readonly output: OutputFormat;
  readonly yes: boolean;
  readonly input: boolean;
  readonly quiet: boolean;
  readonly verbosity: number;
  readonly color: (typeof COLOR_MODES)[number];
  readonly parallel: number;
  readonly timeoutMs: number | null;
  readonly connectTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly prefix: string;
  /** Where events go: a file's name or the number of an open descriptor; null for nowhere. */
  readonly events: string | null;
}

/** A word that an option takes. @throws PgctlError `usage`, with the nearest that it does take */
export function oneOf<T extends string>(words: readonly T[], given: string, option: string): T {
  const found = words.find((word) => word === given);
  if (found !== undefined) return found;
  const near = didYouMean(given, words);
  throw new PgctlError('usage', `${option}: ${JSON.stringify(given)} is not one of ${words.join(', ')}`, {
    ...(near === '' ? {} : { hint: near }),
  });
}

/** The output format alone: needed to report an error in the others. */
function outputFormat(settings: Settings): OutputFormat {
  return oneOf(OUTPUT_FORMATS, settings.get('output')?.value ?? 'text', '--output');
}

/** The format to report an error in: text where the format itself is what is wrong. */
export function errorFormat(settings: Settings): OutputFormat {
  try {
    return outputFormat(settings);
  } catch {
    return 'text';
  }
}

export function readGlobals(options: OptionValues, settings: Settings): Globals {
  const value = (name: string): string | undefined => settings.get(name)?.value;
  const duration = (name: string, fallback: number): number => {
    const setting: Setting | undefined = settings.get(name);
    return setting === undefined ? fallback : parseDuration(setting.value, `--${name}`);
  };
  const parallel = Number(value('parallel') ?? '16');
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > 1000) {
    throw new PgctlError('usage', '--parallel: not a whole number from 1 to 1000');
  }
  const timeout = duration('timeout', 0);
  return {
    output: outputFormat(settings),
    yes: options.yes === true,
    input: options.input !== false,
    quiet: options.quiet === true,
    verbosity: (options.verbose as number | undefined) ?? 0,
    color: oneOf(COLOR_MODES, value('color') ?? 'auto', '--color'),
    parallel,
    timeoutMs: timeout === 0 ? null : timeout,
    connectTimeoutMs: duration('connect-timeout', 10_000),
    lockTimeoutMs: duration('lock-timeout', 0),
    prefix: value('prefix') ?? '/pgctl',
    events: value('events') ?? null,
  };
}
