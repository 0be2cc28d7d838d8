import type { Writable } from 'node:stream';

/** A stream that people or programs read, of which a terminal knows its width. */
export type OutputStream = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** Writes lines for as long as somebody reads them. */
export interface Sink {
  readonly stream: OutputStream;
  readonly terminal: boolean;
  /** Columns; null where it is no terminal. */
  readonly width: number | null;
  /** Writes the text as it is. Never throws where the reader has gone: the operation goes on. */
  write(text: string): void;
  /** The same, and an end of line. */
  line(text: string): void;
}

/** What the reader of a pipe leaves behind when it goes first, as `| head` does. */
const GONE: ReadonlySet<string> = new Set(['EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']);

/** How a stream is written to. */
export interface SinkOptions {
  /** What is done to every text before it is written. */
  readonly transform?: ((text: string) => string) | undefined;
  /** Hears once of what was lost where nobody chose not to read it, such as on a full disk. */
  readonly onLoss?: (error: NodeJS.ErrnoException) => void;
}

/**
 * A stream that cannot be written to (its reader has gone, its disk is full, its terminal hung up) ends what is
 * written to it, and nothing else.
 */
export function openSink(stream: OutputStream, options: SinkOptions = {}): Sink {
  const { transform = (text: string): string => text, onLoss = () => undefined } = options;
  let gone = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (gone) return;
    gone = true;
    if (!GONE.has(error.code ?? '')) onLoss(error);
  });
  const terminal = stream.isTTY === true;
  const write = (text: string): void => {
    if (!gone && !stream.destroyed && !stream.writableEnded) stream.write(transform(text));
  };
  return {
    stream,
    terminal,
    // A terminal that does not know its width says 0.
    width: terminal && stream.columns !== undefined && stream.columns > 0 ? stream.columns : null,
    write,
    line: (text) => write(`${text}\n`),
  };
}
