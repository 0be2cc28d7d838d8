import type { OutputStream } from './sink.ts';
import { aroundSuspension } from './suspension.ts';

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

/**
 * The cursor stays at the beginning of the first line, and everything from there to the end of the screen is
 * the region's: so however the terminal breaks lines anew when its width changes, clearing takes all of them,
 * and nothing of what is above. A signal ends the command, which closes what it shows; where pgctl ends otherwise,
 * or is stopped by Ctrl-Z, the region is taken away and the cursor comes back all the same.
 */
export function openRegion(stream: OutputStream): Region {
  let drawn = false;
  let undo = (): void => undefined;

  const clear = (): void => {
    if (!drawn) return;
    drawn = false;
    process.off('exit', clear);
    undo();
    if (!stream.destroyed && !stream.writableEnded) stream.write(CLEAR + SHOW_CURSOR);
  };
  return {
    draw(lines) {
      if (stream.destroyed || stream.writableEnded) return;
      if (!drawn) {
        drawn = true;
        process.on('exit', clear);
        undo = aroundSuspension({ leave: clear, enter: () => undefined });
      }
      const up = lines.length > 1 ? `${ESC}[${lines.length - 1}A` : '';
      // In one write, so that nothing of somebody else's gets between.
      stream.write(`${HIDE_CURSOR}${CLEAR}${lines.join('\n')}\r${up}`);
    },
    clear,
  };
}
