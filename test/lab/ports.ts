import { createServer } from 'node:net';

/** Above what pgctl takes by itself, below what the kernel gives to connections that are made. */
const LOWEST = 12_000;
/** Each process begins at a place of its own, as a port can only be held by using it. */
const PLACES = 600;
const EACH = 32;

let next = LOWEST + (process.pid % PLACES) * EACH;

/** A port of this machine that nothing listens on, and that no other test looks at. */
export async function machinePort(): Promise<number> {
  for (;;) {
    const port = next++;
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
