import { assertNever } from '../errors.ts';
import { indentRest, oneLine } from './clean.ts';
import { type EventIdentity, type ProgressEvent, STAGES } from './events.ts';
import { eventText, OPERATION_WORDS, OUTCOME_WORDS, type Progress } from './progress.ts';
import { count, formatDuration } from './quantity.ts';
import type { Spinner } from './spinner.ts';
import type { Theme } from './theme.ts';

export interface TerminalProgressOptions {
  readonly write: (line: string) => void;
  readonly spinner: Spinner;
  readonly theme: Theme;
}

const SIGNS = { ok: '✓', completed: '✓', failed: '✗', unknown: '?' } as const;

/** A line per phase and per event that ended, and below them a spinner that says what runs. */
export function terminalProgress({ write, spinner, theme }: TerminalProgressOptions): Progress {
  const running = new Map<string, EventIdentity>();
  let phase = '';

  return {
    report(event) {
      switch (event.kind) {
        case 'stage':
          phase = '';
          spinner.show(`${oneLine(event.entity)}: ${STAGES[event.name]}`);
          return;
        case 'event_started':
          running.set(event.id, event);
          break;
        case 'event_finished':
          running.delete(event.id);
          break;
        case 'phase_started':
          running.clear();
          phase = `phase ${event.number}/${event.of}`;
          break;
        default:
      }
      const text = terminalText(event, theme);
      if (text !== null) write(text);
      if (event.kind === 'operation_finished') spinner.hide();
      else if (phase !== '') spinner.show(runningText(phase, [...running.values()]));
    },
    pause: () => spinner.hide(),
    close: () => spinner.hide(),
  };
}

/** What the spinner says: the event that runs longest, and how many others. */
function runningText(phase: string, running: readonly EventIdentity[]): string {
  const [first, ...others] = running;
  if (first === undefined) return phase;
  return `${phase}: ${eventText(first)}${others.length === 0 ? '' : ` and ${others.length} more`}`;
}

/** What stays on the screen of an event; null for nothing. */
function terminalText(event: ProgressEvent, theme: Theme): string | null {
  switch (event.kind) {
    case 'stage':
    case 'event_started':
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
