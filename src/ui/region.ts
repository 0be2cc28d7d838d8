import type { OutputStream } from './sink.ts';

/** Some lines at the end of a terminal that are drawn over and over. */
export interface Region {
  /** Draws these lines in place of those before; each has to fit the terminal's width. */
  draw(lines: readonly string[]): void;
  /** Takes them away, so that something else can be written. */
  clear(): void;
}

const ESC = '\u001b';
/**
 * The first line, then everything below it, and back. In two steps: tmux takes the clearing of a whole screen for
 * a new page, and would keep a copy of every one in its history.
 */
const CLEAR = `\r${ESC}7${ESC}[K${ESC}[B${ESC}[J${ESC}8`;
const HIDE_CURSOR = `${ESC}[?25l`;
const SHOW_CURSOR = `${ESC}[?25h`;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The cursor stays at the beginning of the first line, and everything from there to the end of the screen is
 * the region's: so however the terminal breaks lines anew when its width changes, clearing takes all of them,
 * and nothing of what is above. Whatever ends pgctl, the region is taken away and the cursor comes back.
 */
export function openRegion(stream: OutputStream): Region {
  let drawn = false;

  const clear = (): void => {
    if (!drawn) return;
    drawn = false;
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off('exit', clear);
    if (!stream.destroyed && !stream.writableEnded) stream.write(CLEAR + SHOW_CURSOR);
  };
  // Where nobody else listens, the signal is to end pgctl as it would have without this.
  const onSignal = (signal: NodeJS.Signals): void => {
    const alone = process.listenerCount(signal) === 1;
    if (!alone) return;
    clear();
    process.kill(process.pid, signal);
  };

  return {
    draw(lines) {
      if (stream.destroyed || stream.writableEnded) return;
      if (!drawn) {
        drawn = true;
        for (const signal of SIGNALS) process.on(signal, onSignal);
        process.on('exit', clear);
      }
      const up = lines.length > 1 ? `${ESC}[${lines.length - 1}A` : '';
      // In one write, so that nothing of somebody else's gets between.
      stream.write(`${HIDE_CURSOR}${CLEAR}${lines.join('\n')}\r${up}`);
    },
    clear,
  };
}
