import { Chalk } from 'chalk';
import type { DatabaseState, InstanceState, TaskState } from '../records/states.ts';
import type { HostState } from './documents.ts';

/** How a text looks; without colour all of them are the text itself, so what is said never depends on colour. */
export interface Theme {
  /** Columns of the terminal; null where it is none, and nothing is cut. */
  readonly width: number | null;
  readonly strong: Paint;
  readonly faint: Paint;
  readonly good: Paint;
  readonly bad: Paint;
  /** Work in progress, and what needs a look. */
  readonly busy: Paint;
  readonly accent: Paint;
}
type Paint = (text: string) => string;

export interface ThemeOptions {
  readonly color: boolean;
  readonly width: number | null;
}

export function openTheme({ color, width }: ThemeOptions): Theme {
  const plain: Paint = (text) => text;
  if (!color)
    return { width, strong: plain, faint: plain, good: plain, bad: plain, busy: plain, accent: plain };
  // The 16 colours of every terminal: its user chose what they look like.
  const chalk = new Chalk({ level: 1 });
  const paint =
    (style: Paint): Paint =>
    (text) =>
      style(text);
  return {
    width,
    strong: paint(chalk.bold),
    faint: paint(chalk.dim),
    good: paint(chalk.green),
    bad: paint(chalk.red),
    busy: paint(chalk.yellow),
    accent: paint(chalk.cyan),
  };
}

export type ColorMode = 'auto' | 'always' | 'never';

export interface ColorChoice {
  readonly mode: ColorMode;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: boolean;
}

/** Whether to colour: the flag before FORCE_COLOR before NO_COLOR before whether it is a terminal. */
export function wantsColor({ mode, env, terminal }: ColorChoice): boolean {
  if (mode !== 'auto') return mode === 'always';
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  // no-color.org: any value but the empty one.
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  return terminal;
}

type State = InstanceState | DatabaseState | TaskState | HostState;

const LOOKS = {
  available: 'good',
  completed: 'good',
  reachable: 'good',
  creating: 'busy',
  modifying: 'busy',
  deleting: 'busy',
  backing_up: 'busy',
  restoring: 'busy',
  pending: 'busy',
  running: 'busy',
  canceling: 'busy',
  degraded: 'bad',
  failed: 'bad',
  unreachable: 'bad',
  unusable: 'bad',
  stopped: 'faint',
  canceled: 'faint',
  unknown: 'busy',
} as const satisfies Record<State, 'good' | 'bad' | 'busy' | 'faint'>;

/** A state's word, or words that begin with it, in the state's colour. */
export function paintState(theme: Theme, state: State, words: string = state): string {
  // A newer pgctl may have written a state that this one does not know.
  const look: (typeof LOOKS)[State] | undefined = LOOKS[state];
  return look === undefined ? words : theme[look](words);
}
