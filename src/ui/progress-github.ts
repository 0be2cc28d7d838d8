import { github } from './github.ts';
import { eventText, OUTCOME_WORDS, type Progress } from './progress.ts';

/**
 * The plain log for GitHub's runner: phases can be folded, and what failed is an annotation of the run.
 *
 * @param command writes a line that is a command of the runner's
 */
export function githubProgress(plain: Progress, command: (line: string) => void): Progress {
  let open = false;
  const end = (): void => {
    if (open) command(github.endGroup);
    open = false;
  };
  return {
    ...plain,
    report(event) {
      if (event.kind === 'phase_started') {
        end();
        command(github.group(`${event.entity}: phase ${event.number}/${event.of}`));
        open = true;
      }
      if (event.kind === 'warning') command(github.warning(event.message));
      else plain.report(event);
      if (event.kind === 'event_finished' && event.outcome !== 'ok') {
        const title = `${eventText(event)} ${OUTCOME_WORDS[event.outcome]}`;
        command(github.error(title, event.error ?? title));
      }
      if (event.kind === 'phase_finished' || event.kind === 'operation_finished') end();
    },
    // What follows is not the phase's any more.
    pause() {
      end();
      plain.pause();
    },
    close() {
      end();
      plain.close();
    },
  };
}
