import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { afterAll, afterEach, expect, it } from 'vitest';
import { endMaster } from '../../src/transport/mux.ts';

// That a real one ends is seen on real hosts, in e2e/hosts-and-status.
const dir = mkdtempSync(join(tmpdir(), 'pgctl-mux-'));
const socket = join(dir, 'master.sock');
let master: Server | undefined;
afterEach(() => new Promise<void>((closed) => (master?.listening ? master.close(() => closed()) : closed())));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Listens as a master does. @param onSaid gets all that was said so far, each time */
async function listen(onSaid: (client: Socket, said: string) => void): Promise<void> {
  master = createServer((client) => {
    let said = '';
    client.on('data', (chunk) => {
      said += chunk.toString('hex');
      onSaid(client, said);
    });
    // Its hello: version 4.
    client.write(Buffer.from('000000080000000100000004', 'hex'));
  });
  await new Promise<void>((listening) => master?.listen(socket, listening));
}

it('says hello and has it end, and comes when it has', async () => {
  let heard = '';
  await listen((client, said) => {
    heard = said;
    if (said.length === 48) client.destroy();
  });
  await endMaster(socket);
  expect(heard).toBe('00000008' + '00000001' + '00000004' + '00000008' + '10000005' + '00000000');
});

it('leaves one alone that does not end', async () => {
  await listen(() => undefined);
  const since = performance.now();
  await endMaster(socket);
  expect(performance.now() - since).toBeGreaterThan(1_900);
});

it('has nothing to do where there is none', async () => {
  expect(existsSync(join(dir, 'none'))).toBe(false);
  await endMaster(join(dir, 'none'));
});
