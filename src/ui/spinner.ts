import type { Ora } from 'ora';
import { openRegion } from './region.ts';
import type { OutputStream } from './sink.ts';
import { cut } from './width.ts';
import type { Theme } from './theme.ts';

/** What moves at the end of the terminal. Lines written meanwhile go above it. */
export interface Spinner {
  /** Shows a line that moves, and others below it, made anew several times a second. */
  show(render: () => SpinnerLines): void;
  /** Takes it away for a moment, so that something can be written. */
  above(write: () => void): void;
  hide(): void;
}

export interface SpinnerLines {
  readonly title: string;
  /** Words, and what is faint behind them. */
  readonly lines: readonly (readonly [text: string, more: string])[];
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const INTERVAL_MS = 80;
/** Rows that are left for what is above, and lines of which nobody reads more. */
const ROWS_LEFT = 4;
const MOST_LINES = 12;

/** A spinner whose frames are ora's; it is drawn in a region of its own, see there. */
export function oraSpinner(stream: OutputStream, theme: Theme): Spinner {
  const region = openRegion(stream);
  let ora: Ora | null = null;
  let asked = false;
  let timer: NodeJS.Timeout | null = null;
  /** What to show; null while nothing is to be shown. */
  let wanted: (() => SpinnerLines) | null = null;

  const draw = (): void => {
    if (ora === null || wanted === null) return;
    const { title, lines } = wanted();
    // One column is left free: a full line would make some terminals begin another. 0: it does not know its size.
    const width = Math.max(10, (stream.columns || 80) - 1);
    const room = Math.max(1, Math.min(MOST_LINES, (stream.rows || 24) - ROWS_LEFT));
    const kept = lines.length > room ? lines.slice(0, room - 1) : lines;
    const rest = lines.length - kept.length;
    ora.text = cut(title, width - 2);
    region.draw([
      ora.frame(),
      ...kept.map(([text, more]) => spinnerLine({ text, more }, { width, theme })),
      ...(rest === 0 ? [] : [theme.faint(cut(`  and ${rest} more`, width))]),
    ]);
  };
  const start = (): void => {
    draw();
    if (timer !== null || ora === null) return;
    timer = setInterval(draw, INTERVAL_MS);
    timer.unref();
    stream.on('resize', draw);
  };
  const stop = (): void => {
    if (timer !== null) clearInterval(timer);
    timer = null;
    stream.off('resize', draw);
    region.clear();
  };

  return {
    show(render) {
      wanted = render;
      if (ora !== null) start();
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
            spinner: { frames: FRAMES.map((frame) => theme.accent(frame)), interval: INTERVAL_MS },
          });
          if (wanted !== null) start();
        },
        () => undefined,
      );
    },
    above(write) {
      region.clear();
      write();
      if (timer !== null) draw();
    },
    hide() {
      wanted = null;
      stop();
    },
  };
}

function spinnerLine(
  { text, more }: { readonly text: string; readonly more: string },
  { width, theme }: { readonly width: number; readonly theme: Theme },
): string {
  const head = cut(`  ${text}`, width);
  const left = width - head.length - 1;
  return more === '' || left < 8 ? head : `${head} ${theme.faint(cut(more, left))}`;
}
