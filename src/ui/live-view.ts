import type { InputStream } from './prompt.ts';
import type { OutputStream } from './sink.ts';
import { aroundSuspension } from './suspension.ts';

/** A whole screen that is drawn anew when there is something new, until somebody has seen enough. */
export interface LiveView {
  draw(): void;
  /** Gives the terminal back as it was. */
  close(): void;
}

export interface LiveViewOptions {
  readonly stdin: InputStream & { readonly setRawMode?: (on: boolean) => unknown };
  readonly stdout: OutputStream;
  /** Text for a screen of so many columns; lines that are longer are cut, and those past its end are counted. */
  readonly render: (columns: number) => string;
  /** `q`, or Ctrl-C: without a terminal's own handling it is a key like others. */
  readonly onEnd: (by: 'q' | 'interrupt') => void;
}

const ESC = '\u001b';
// A page of its own, so that what was on the screen comes back.
const OPEN = `${ESC}[?1049h`;
// Without a cursor; lines that are too long are cut, not broken.
const PREPARE = `${ESC}[?25l${ESC}[?7l`;
const CLOSE = `${ESC}[?7h${ESC}[?25h${ESC}[?1049l`;
const HOME = `${ESC}[H`;
const REST_OF_LINE = `${ESC}[0m${ESC}[K`;
const REST_OF_SCREEN = `${ESC}[J`;
const INTERRUPT = '\u0003';
const SUSPEND = '\u001a';

/**
 * Ctrl-Z gives the terminal back as well, and `fg` takes it again. Nothing is known of what happened meanwhile: it is
 * for `render` to say how old what it shows is.
 */
export function openLiveView({ stdin, stdout, render, onEnd }: LiveViewOptions): LiveView {
  let open = true;
  const write = (text: string): void => {
    if (!stdout.destroyed && !stdout.writableEnded) stdout.write(text);
  };
  const draw = (): void => {
    if (!open) return;
    // 0: it does not know its size.
    const rows = Math.max(2, stdout.rows || 24);
    const lines = render(Math.max(20, stdout.columns || 80)).split('\n');
    const shown =
      lines.length <= rows
        ? lines
        : [
            ...lines.slice(0, rows - 1),
            `… ${lines.length - rows + 1} more lines; \`pgctl status\` shows them`,
          ];
    write(HOME + shown.map((line) => line + REST_OF_LINE).join('\r\n') + REST_OF_SCREEN);
  };
  const onKey = (keys: Buffer | string): void => {
    const text = keys.toString();
    if (text.includes(INTERRUPT)) onEnd('interrupt');
    // Everybody in the group, as the terminal itself would tell them: a shell may wait for another than pgctl.
    else if (text.includes(SUSPEND)) process.kill(0, 'SIGTSTP');
    else if (/q/i.test(text)) onEnd('q');
  };
  const raw = (on: boolean): void => {
    if (stdin.isTTY === true) stdin.setRawMode?.(on);
  };
  // Also after a stop that nobody was told of; the shell has used the terminal in its own way by then.
  const resume = (): void => {
    raw(false);
    raw(true);
    write(PREPARE);
    draw();
  };
  const undo = aroundSuspension({
    leave() {
      raw(false);
      write(CLOSE);
    },
    enter() {
      write(OPEN);
      resume();
    },
  });
  const close = (): void => {
    if (!open) return;
    open = false;
    stdout.off('resize', draw);
    process.off('exit', close);
    undo();
    process.off('SIGCONT', resume);
    raw(false);
    if (stdin.isTTY === true) {
      stdin.off('data', onKey);
      stdin.pause();
    }
    write(CLOSE);
  };

  write(OPEN + PREPARE);
  stdout.on('resize', draw);
  process.on('exit', close);
  process.on('SIGCONT', resume);
  raw(true);
  if (stdin.isTTY === true) stdin.on('data', onKey);
  return { draw, close };
}
