import { connect } from 'node:net';

// Of OpenSSH's PROTOCOL.mux: a message is its length, its type and what belongs to that, in numbers of 32 bits.
const HELLO = 0x00000001;
const VERSION = 4;
const TERMINATE = 0x10000005;

/** How long a master may take to end, in milliseconds; it ends by itself when nobody has used it for a while. */
const LIMIT_MS = 2_000;

/**
 * Tells a master connection of ssh to end, as `ssh -O exit` does, without a process for it: an operation has as many
 * as hosts. Comes when it has ended, or was not there. Does not reject.
 *
 * @param socket the master's control socket
 */
export function endMaster(socket: string): Promise<void> {
  return new Promise((resolve) => {
    const master = connect(socket);
    // Its own hello and answer are of no interest: it closes the connection when it ends.
    master.resume();
    master.on('error', () => undefined);
    master.once('close', () => resolve());
    master.setTimeout(LIMIT_MS, () => master.destroy());
    master.write(Buffer.concat([message(HELLO, VERSION), message(TERMINATE, 0)]));
  });
}

function message(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * (1 + numbers.length));
  for (const [at, number] of [4 * numbers.length, ...numbers].entries()) bytes.writeUInt32BE(number, 4 * at);
  return bytes;
}
