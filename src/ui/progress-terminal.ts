import { assertNever } from '../errors.ts';
import { indentRest, oneLine } from './clean.ts';
import { type ProgressEvent, STAGES } from './events.ts';
import {
  eventText,
  jobText,
  OPERATION_WORDS,
  OUTCOME_WORDS,
  type Progress,
  runningEvents,
} from './progress.ts';
import { count, formatDuration } from './quantity.ts';
import type { Spinner, SpinnerLines } from './spinner.ts';
import type { Theme } from './theme.ts';

export interface TerminalProgressOptions {
  readonly write: (line: string) => void;
  readonly spinner: Spinner;
  readonly theme: Theme;
  readonly verbosity: number;
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number;
}

const SIGNS = { ok: '✓', completed: '✓', failed: '✗', unknown: '?' } as const;

/** What an event waits for is shown once it takes this long, in milliseconds. */
const PATIENCE_MS = 3_000;

/** A line per phase and per event that ended, and below them a spinner with a line for everything that runs. */
export function terminalProgress({
  write,
  spinner,
  theme,
  verbosity,
  now,
}: TerminalProgressOptions): Progress {
  const running = runningEvents(now);
  let title: { readonly text: string; readonly since: number } | null = null;

  const lines = (): SpinnerLines => ({
    title: title === null ? '' : `${title.text}${elapsed(now() - title.since)}`,
    lines: running.list().map(({ identity, since, waitingFor }): [string, string] => {
      const ms = now() - since;
      return [`${eventText(identity)}${elapsed(ms)}`, ms < PATIENCE_MS ? '' : (waitingFor ?? '')];
    }),
  });
  return {
    report(event) {
      running.note(event);
      if (event.kind === 'stage')
        title = { text: `${oneLine(event.entity)}: ${STAGES[event.name]}`, since: now() };
      if (event.kind === 'phase_started') title = { text: `phase ${event.number}/${event.of}`, since: now() };
      const text =
        event.kind === 'job_started' || event.kind === 'job_finished'
          ? faintly(jobText(event, verbosity), theme)
          : terminalText(event, theme);
      if (text !== null) spinner.above(() => write(text));
      if (event.kind === 'operation_finished') spinner.hide();
      else if (title !== null) spinner.show(lines);
    },
    above: (other) => spinner.above(other),
    pause: () => spinner.hide(),
    close: () => spinner.hide(),
  };
}

const faintly = (text: string | null, theme: Theme): string | null =>
  text === null ? null : theme.faint(text);

/** Whole seconds; nothing for the first. */
function elapsed(ms: number): string {
  return ms < 1000 ? '' : ` (${formatDuration(Math.floor(ms / 1000) * 1000).replace('.0 s', ' s')})`;
}

/** What stays on the screen of an event; null for nothing. */
function terminalText(
  event: Exclude<ProgressEvent, { readonly kind: 'job_started' | 'job_finished' }>,
  theme: Theme,
): string | null {
  switch (event.kind) {
    case 'stage':
    case 'event_started':
    case 'event_waiting':
    case 'phase_finished':
      return null;
    case 'operation_started': {
      const size = `${count(event.events, 'event')} in ${count(event.phases, 'phase')}`;
      const name = theme.strong(oneLine(`${event.operation} ${event.entity}`));
      return `${name}: ${size} ${theme.faint(`(task ${oneLine(event.taskId)})`)}`;
    }
    case 'phase_started':
      return theme.strong(`Phase ${event.number}/${event.of}: ${count(event.events, 'event')}`);
    case 'event_finished': {
      const paint = paintOf(event.outcome, theme);
      const host = theme.accent(oneLine(event.hostId ?? 'pgctl'));
      const outcome = event.outcome === 'ok' ? '' : ` ${paint(OUTCOME_WORDS[event.outcome])}`;
      const took = theme.faint(`(${formatDuration(event.durationMs)})`);
      const what = oneLine(`${event.action} ${event.resource.id}`);
      const why = event.error === null ? '' : `\n      ${paint(indentRest(event.error, '      '))}`;
      return `  ${paint(SIGNS[event.outcome])} ${host}: ${what}${outcome} ${took}${why}`;
    }
    case 'warning':
      return `${theme.busy('warning:')} ${indentRest(event.message)}`;
    case 'operation_finished': {
      const paint = paintOf(event.outcome, theme);
      const name = oneLine(`${event.operation} ${event.entity}`);
      const took = theme.faint(`(${formatDuration(event.durationMs)})`);
      return `${paint(SIGNS[event.outcome])} ${theme.strong(name)} ${paint(OPERATION_WORDS[event.outcome])} ${took}`;
    }
    default:
      return assertNever(event);
  }
}

function paintOf(outcome: keyof typeof SIGNS, theme: Theme): (text: string) => string {
  switch (outcome) {
    case 'ok':
    case 'completed':
      return theme.good;
    case 'failed':
      return theme.bad;
    case 'unknown':
      return theme.busy;
    default:
      return assertNever(outcome);
  }
}
