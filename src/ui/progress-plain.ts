import { assertNever } from '../errors.ts';
import { oneLine } from './clean.ts';
import { type ProgressEvent, STAGES } from './events.ts';
import { eventText, OPERATION_WORDS, OUTCOME_WORDS, type Progress } from './progress.ts';
import { count, formatDuration } from './quantity.ts';

/** One line per change of state, without anything that moves: for logs, CI and pipes. */
export function plainProgress(write: (line: string) => void, verbosity: number): Progress {
  return {
    report(event) {
      const line = plainLine(event, verbosity);
      if (line !== null) write(line);
    },
    pause: () => undefined,
    close: () => undefined,
  };
}

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
