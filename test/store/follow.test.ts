import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { storeOn } from './fixtures.ts';

let etcd: Etcd;
let store: Store;
let writer: Store;
let said: string[];
let errors: string[];
let over: AbortController;
let following: Promise<void>;

beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd.stop());

beforeEach(async () => {
  store = storeOn(etcd);
  writer = storeOn(etcd, { prefix: store.prefix });
  [said, errors, over] = [[], [], new AbortController()];
  const timing = { pingMs: 100, answerMs: 500, retryMs: 100, rereadMs: 60_000 };
  following = store.followFleet(
    {
      changed: () => said.push('changed'),
      confirmed: () => said.push('confirmed'),
      silent: (error) => {
        said.push('silent');
        errors.push(error.code);
      },
    },
    over.signal,
    timing,
  );
  await until(() => said.includes('changed'));
});
afterEach(async () => {
  over.abort();
  await following;
  store.close();
  writer.close();
});

async function until(reached: () => boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!reached()) {
    if (performance.now() > end) throw new Error(`not reached: ${said.join(' ')}`);
    await delay(5);
  }
}

const put = (key: string): Promise<unknown> =>
  writer.kv.txn({ compare: [], success: [{ op: 'put', key, value: 'x' }], failure: [] });

/** Forgets what was said, and waits until it is said. */
async function next(word: string): Promise<void> {
  said.length = 0;
  await until(() => said.includes(word));
}

describe('whoever follows etcd', () => {
  test('is told of a change at once, by each of the prefixes that are shown', async () => {
    const { keys } = writer;
    for (const key of [keys.database('shop'), keys.lock('shop'), `${keys.patroniNamespace}shop.n1/leader`]) {
      await next('confirmed');
      said.length = 0;
      const began = performance.now();
      await put(key);
      await until(() => said.includes('changed'));
      expect(performance.now() - began).toBeLessThan(500);
    }
  });

  test('is not told of what is not shown', async () => {
    await next('confirmed');
    said.length = 0;
    await put(writer.keys.task('t1'));
    await next('confirmed');
    await next('confirmed');
    expect(said).not.toContain('changed');
  });

  test('is told that a paused etcd is silent, and of what happened before it answers again', async () => {
    etcd.pause();
    try {
      await next('silent');
      expect(errors).toContain('etcd_unreachable');
      expect(said).not.toContain('confirmed');
    } finally {
      etcd.resume();
    }
    await until(() => said.includes('confirmed'));
    expect(said.lastIndexOf('changed')).toBeGreaterThan(said.lastIndexOf('silent'));
  });

  test('survives a restart of etcd, and is told of what changes after it', async () => {
    await etcd.kill();
    await next('silent');
    await etcd.start();
    await next('confirmed');
    said.length = 0;
    await put(writer.keys.database('blog'));
    await until(() => said.includes('changed'));
  });

  test('is told nothing once it has ended', async () => {
    over.abort();
    await following;
    said.length = 0;
    await put(writer.keys.database('shop'));
    await delay(300);
    expect(said).toEqual([]);
  });
});
