import { assertNever } from '../errors.ts';
import { oneLine } from './clean.ts';
import { type ProgressEvent, STAGES } from './events.ts';
import {
  eventText,
  jobText,
  OPERATION_WORDS,
  OUTCOME_WORDS,
  type Progress,
  runningEvents,
} from './progress.ts';
import { count, formatDuration, withSizes } from './quantity.ts';

/** How long nothing is said before it is said what is being waited for, in milliseconds. */
const HEARTBEAT_MS = 30_000;
/** Events that a heartbeat names; how many others there are it says. */
const NAMED = 5;

/** One line per change of state, without anything that moves: for logs, CI and pipes. */
export function plainProgress(write: (line: string) => void, verbosity: number): Progress {
  const running = runningEvents(() => performance.now());
  let stage: { readonly text: string; readonly since: number } | null = null;
  let timer: NodeJS.Timeout | null = null;

  const beat = (): void => {
    const events = running.list();
    if (events.length === 0 && stage !== null) write(`${stage.text}: still at it${sinceText(stage.since)}`);
    for (const { identity, since, waitingFor } of events.slice(0, NAMED)) {
      write(
        `${eventText(identity)} … still at it${sinceText(since)}${waitingFor === null ? '' : `: ${waitingFor}`}`,
      );
    }
    if (events.length > NAMED) write(`… and ${events.length - NAMED} more`);
  };
  const quiet = (): void => {
    if (timer !== null) clearInterval(timer);
    timer = null;
  };

  return {
    report(event) {
      running.note(event);
      if (event.kind === 'stage') {
        stage = { text: plainLine(event, verbosity) ?? '', since: performance.now() };
      } else if (event.kind !== 'warning' && event.kind !== 'job_started' && event.kind !== 'job_finished') {
        stage = null;
      }
      const line = plainLine(event, verbosity);
      if (line !== null) write(line);
      if (event.kind === 'operation_finished') quiet();
      else if (timer === null) timer = setInterval(beat, HEARTBEAT_MS).unref();
      else if (line !== null) timer.refresh();
    },
    above: (other) => other(),
    pause: quiet,
    close: quiet,
  };
}

const sinceText = (since: number): string => ` after ${formatDuration(performance.now() - since)}`;

/** The line for an event; null where it is told by another one. */
export function plainLine(event: ProgressEvent, verbosity: number): string | null {
  switch (event.kind) {
    case 'stage':
      return `${oneLine(event.entity)}: ${STAGES[event.name]}`;
    case 'operation_started': {
      const size = `${count(event.events, 'event')} in ${count(event.phases, 'phase')}`;
      return oneLine(`${event.entity}: ${event.operation}: ${size}, task ${event.taskId}`);
    }
    case 'phase_started':
      return `phase ${event.number}/${event.of}: ${count(event.events, 'event')}`;
    case 'event_started':
      // Its end tells the same and more; who waits for a slow one asks with -v.
      return verbosity >= 1 ? `${eventText(event)} …` : null;
    case 'job_started':
    case 'job_finished':
      return jobText(event, verbosity);
    case 'event_waiting':
      // A heartbeat tells it, where it takes long enough to matter.
      return verbosity >= 2 ? `${eventText(event)} … ${withSizes(oneLine(event.waitingFor))}` : null;
    case 'event_finished': {
      const why = event.error === null ? '' : `: ${oneLine(event.error)}`;
      return `${eventText(event)} … ${OUTCOME_WORDS[event.outcome]} (${formatDuration(event.durationMs)})${why}`;
    }
    case 'phase_finished': {
      const outcome = event.failed === 0 ? 'done' : `${event.failed} failed`;
      return `phase ${event.number}/${event.of}: ${outcome} (${formatDuration(event.durationMs)})`;
    }
    case 'warning':
      return `warning: ${oneLine(event.message)}`;
    case 'operation_finished': {
      const words = OPERATION_WORDS[event.outcome];
      return oneLine(`${event.entity}: ${event.operation} ${words} (${formatDuration(event.durationMs)})`);
    }
    default:
      return assertNever(event);
  }
}
