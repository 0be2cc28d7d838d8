import { performance } from 'node:perf_hooks';
import type { Ora } from 'ora';
import { formatDuration } from './quantity.ts';
import type { OutputStream } from './sink.ts';
import { cut } from './table.ts';
import type { Theme } from './theme.ts';

/** A line at the end of the terminal that moves. Lines written meanwhile go above it. */
export interface Spinner {
  show(text: string): void;
  hide(): void;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** Room for the frame and for how long it has been. */
const MARGIN = 14;

/** A spinner of ora's on a terminal. */
export function oraSpinner(stream: OutputStream, theme: Theme): Spinner {
  let ora: Ora | null = null;
  let asked = false;
  /** What to show; null while nothing is to be shown. */
  let wanted: { readonly text: string; readonly since: number } | null = null;

  const draw = (): void => {
    if (ora === null || wanted === null) return;
    // A text that wraps would leave its upper lines behind when the terminal's size changes.
    ora.text = cut(wanted.text, Math.max(MARGIN, (stream.columns ?? 80) - MARGIN));
    if (!ora.isSpinning) ora.start();
  };

  return {
    show(text) {
      wanted = { text, since: wanted?.text === text ? wanted.since : performance.now() };
      draw();
      if (asked) return;
      asked = true;
      // It takes longer to load than most commands to run, so nobody waits for it.
      import('ora').then(
        (module) => {
          ora = module.default({
            stream,
            isEnabled: true,
            // Ctrl-C must stay a signal: the executor counts them.
            discardStdin: false,
            color: false,
            spinner: { frames: FRAMES.map((frame) => theme.accent(frame)), interval: 80 },
            suffixText: () => {
              const ms = wanted === null ? 0 : performance.now() - wanted.since;
              return ms < 1000
                ? ''
                : theme.faint(`(${formatDuration(Math.floor(ms / 1000) * 1000).replace('.0 s', ' s')})`);
            },
          });
          draw();
        },
        () => undefined,
      );
    },
    hide() {
      wanted = null;
      if (ora?.isSpinning === true) ora.stop();
    },
  };
}
