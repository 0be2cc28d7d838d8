import { PassThrough, Writable } from 'node:stream';
import { openUi, type Ui, type UiOptions } from '../../src/ui/output.ts';
import { openTheme, type Theme } from '../../src/ui/theme.ts';

export const ESC = '\u001b';

/** A stream that keeps what is written to it. */
export class Paper extends Writable {
  text = '';
  readonly isTTY: boolean;
  columns: number;
  rows: number;

  constructor({ isTTY = false, columns = 80, rows = 24 } = {}) {
    super();
    this.isTTY = isTTY;
    this.columns = columns;
    this.rows = rows;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }

  // What a terminal's stream can do, by the sequences that Node writes for it.
  cursorTo(column: number): boolean {
    return this.write(`${ESC}[${column + 1}G`);
  }
  moveCursor(_columns: number, rows: number): boolean {
    return rows < 0 ? this.write(`${ESC}[${-rows}A`) : true;
  }
  clearLine(direction: number): boolean {
    return this.write(direction === 1 ? `${ESC}[0K` : `${ESC}[2K`);
  }
}

export class Keyboard extends PassThrough {
  readonly isTTY: boolean;

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }
}

export interface Screen {
  readonly ui: Ui;
  readonly stdin: Keyboard;
  readonly stdout: Paper;
  readonly stderr: Paper;
}

/** A Ui in front of nobody, unless told otherwise. */
export function screen(changes: Partial<UiOptions> & { terminal?: boolean; columns?: number } = {}): Screen {
  const { terminal = false, columns = 80, ...options } = changes;
  const stdin = new Keyboard(terminal);
  const stdout = new Paper({ isTTY: terminal, columns });
  const stderr = new Paper({ isTTY: terminal, columns });
  const ui = openUi({
    format: 'text',
    color: 'auto',
    quiet: false,
    verbosity: 0,
    input: true,
    env: {},
    stdin,
    stdout,
    stderr,
    ...options,
  });
  return { ui, stdin, stdout, stderr };
}

export const PLAIN: Theme = openTheme({ color: false, width: null });
export const COLOR: Theme = openTheme({ color: true, width: null });

const MARKS: Record<string, string> = {
  '1': '<b>',
  '2': '<faint>',
  '22': '</>',
  '31': '<red>',
  '32': '<green>',
  '33': '<yellow>',
  '36': '<cyan>',
  '39': '</>',
};

/** Colours and other escape sequences, as words, so that goldens can be read. */
export function visible(text: string): string {
  return text
    .replace(/\u001b\[(\d+)m/g, (whole, code: string) => MARKS[code] ?? whole)
    .replaceAll(ESC, '␛')
    .replaceAll('\r', '␍');
}
