import type { InputStream } from './prompt.ts';
import type { OutputStream } from './sink.ts';

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
// A page of its own, so that what was on the screen comes back; lines that are too long are cut, not broken.
const OPEN = `${ESC}[?1049h${ESC}[?25l${ESC}[?7l`;
const CLOSE = `${ESC}[?7h${ESC}[?25h${ESC}[?1049l`;
const HOME = `${ESC}[H`;
const REST_OF_LINE = `${ESC}[0m${ESC}[K`;
const REST_OF_SCREEN = `${ESC}[J`;
const INTERRUPT = '\u0003';

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
    else if (/q/i.test(text)) onEnd('q');
  };
  const close = (): void => {
    if (!open) return;
    open = false;
    stdout.off('resize', draw);
    process.off('exit', close);
    if (stdin.isTTY === true) {
      stdin.off('data', onKey);
      stdin.setRawMode?.(false);
      stdin.pause();
    }
    write(CLOSE);
  };

  write(OPEN);
  stdout.on('resize', draw);
  process.on('exit', close);
  if (stdin.isTTY === true) {
    stdin.setRawMode?.(true);
    stdin.on('data', onKey);
  }
  return { draw, close };
}
