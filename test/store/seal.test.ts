import { chmod, readFile, stat, writeFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { SealingKey } from '../../src/store/seal.ts';
import { createSealingKey, readSealingKey, sealingKeyFile } from '../../src/store/sealing-key.ts';
import type { Store } from '../../src/store/store.ts';
import { putRecord } from '../../src/store/write.ts';
import { commitUnlocked } from '../../src/store/commit.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { errorOf, host, lockOf, newPrefix, storeOn, scratchDirectory } from './fixtures.ts';

const PASSWORD = new Secret('canary-päss\u0000word');

describe('sealing', () => {
  const key = new SealingKey(Buffer.alloc(32, 1));

  test('what was sealed opens again, and shows nothing of itself', () => {
    const sealed = key.seal('/pgctl/v1/secrets/shop/admin', PASSWORD);
    expect(JSON.stringify(sealed)).not.toContain('canary');
    expect(key.open('/pgctl/v1/secrets/shop/admin', sealed).reveal()).toBe(PASSWORD.reveal());
    expect(key.seal('/pgctl/v1/secrets/shop/admin', PASSWORD).data).not.toBe(sealed.data);
  });

  test('under another key of etcd it does not open', () => {
    const sealed = key.seal('/pgctl/v1/secrets/shop/admin', PASSWORD);
    expect(() => key.open('/pgctl/v1/secrets/shop/other', sealed)).toThrow(
      expect.objectContaining({ code: 'store_corrupt' }),
    );
  });

  test.each(['nonce', 'data', 'tag'] as const)('with its %s changed it does not open', (part) => {
    const sealed = key.seal('/k', PASSWORD);
    const changed = Buffer.from(sealed[part], 'base64');
    changed[0] = (changed[0] ?? 0) ^ 1;
    const swapped = { ...sealed, [part]: changed.toString('base64') };
    expect(() => key.open('/k', swapped)).toThrow(expect.objectContaining({ code: 'store_corrupt' }));
    expect(() => key.open('/k', { ...sealed, [part]: '' })).toThrow(
      expect.objectContaining({ code: 'store_corrupt' }),
    );
  });

  test('another key says that it is another', () => {
    const other = new SealingKey(Buffer.alloc(32, 2));
    expect(other.fingerprint).not.toBe(key.fingerprint);
    expect(() => other.open('/k', key.seal('/k', PASSWORD))).toThrow(
      expect.objectContaining({ code: 'secret_key' }),
    );
  });
});

describe('the key file', () => {
  test('is found by environment', () => {
    expect(sealingKeyFile({ PGCTL_SECRET_KEY_FILE: '/x/key', XDG_CONFIG_HOME: '/c' })).toBe('/x/key');
    expect(sealingKeyFile({ XDG_CONFIG_HOME: '/c', HOME: '/h' })).toBe('/c/pgctl/secret.key');
    expect(sealingKeyFile({ XDG_CONFIG_HOME: 'relative', HOME: '/h' })).toBe('/h/.config/pgctl/secret.key');
    expect(sealingKeyFile({ HOME: '/h' })).toBe('/h/.config/pgctl/secret.key');
  });

  test('is made for its owner alone, once, by however many at a time', async () => {
    const home = scratchDirectory();
    const file = join(home, 'new', 'pgctl', 'secret.key');
    expect(await readSealingKey(file)).toBeNull();
    const made = await Promise.all(Array.from({ length: 5 }, () => createSealingKey(file)));
    expect(new Set(made.map(({ fingerprint }) => fingerprint)).size).toBe(1);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(home, 'new', 'pgctl'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(home, 'new', 'pgctl'))).toEqual(['secret.key']);
    expect(Buffer.from((await readFile(file, 'utf8')).trim(), 'base64')).toHaveLength(32);
  });

  test.each([0o640, 0o604, 0o620])('is refused with mode %o', async (mode) => {
    const file = join(scratchDirectory(), 'secret.key');
    await createSealingKey(file);
    await chmod(file, mode);
    expect(await errorOf(readSealingKey(file))).toMatchObject({
      code: 'secret_key',
      hint: `chmod 600 ${file}`,
    });
  });

  test.each(['', 'AAAA', 'x'.repeat(5000), `${'A'.repeat(43)}= junk`])(
    'is refused with other content (%#)',
    async (text) => {
      const file = join(scratchDirectory(), 'secret.key');
      await writeFile(file, text, { mode: 0o600 });
      expect(await errorOf(readSealingKey(file))).toMatchObject({ code: 'secret_key' });
    },
  );
});

describe('a store', () => {
  let etcd: Etcd;
  const stores: Store[] = [];
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(async () => {
    for (const store of stores) store.close();
    await etcd.stop();
  });
  async function open(prefix = newPrefix(), keyFile?: string): Promise<Store & { readonly keyFile: string }> {
    const file = keyFile ?? join(scratchDirectory(), 'secret.key');
    const store = storeOn(etcd, { prefix, env: { PGCTL_SECRET_KEY_FILE: file } });
    stores.push(store);
    return Object.assign(store, { keyFile: file });
  }

  test('gets its record and key with the first change, and reading makes neither', async () => {
    const store = await open();
    expect(await store.meta()).toBeNull();
    await store.readFleet();
    expect(await readSealingKey(store.keyFile)).toBeNull();
    const { meta, key } = await store.prepareToChange();
    expect(meta).toMatchObject({ format: 1, sealing_key_fingerprint: key.fingerprint });
    expect(meta.store_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await store.meta()).toEqual(meta);
    const again = await open(store.prefix, store.keyFile);
    expect((await again.prepareToChange()).meta).toEqual(meta);
    expect(
      (await open(newPrefix(), store.keyFile).then((other) => other.prepareToChange())).meta.store_id,
    ).not.toBe(meta.store_id);
  });

  test('made by two at once is one', async () => {
    const prefix = newPrefix();
    const file = join(scratchDirectory(), 'secret.key');
    const both = await Promise.all([open(prefix, file), open(prefix, file)]);
    const metas = await Promise.all(both.map((store) => store.prepareToChange()));
    expect(metas[0]?.meta).toEqual(metas[1]?.meta);
  });

  test('is not changed without its key, nor with another, and can be read all the same', async () => {
    const store = await open();
    await store.hosts.put(host('host-1'), 'absent');
    const without = await open(store.prefix);
    for (const change of [
      () => without.prepareToChange(),
      () => without.hosts.put(host('host-2'), 'absent'),
    ]) {
      const error = await errorOf(change());
      expect(error).toMatchObject({ code: 'secret_key' });
      expect((error as { hint: string }).hint).toContain(without.keyFile);
    }
    await createSealingKey(without.keyFile);
    expect(await errorOf(without.prepareToChange())).toMatchObject({ code: 'secret_key' });
    // A lock seals nothing: whoever only has a run stop needs no key.
    await (await lockOf(without)).release();
    expect((await without.hosts.list()).items).toHaveLength(1);
    expect((await store.kv.range(`${store.prefix}/v1/`)).map(({ key }) => key)).toEqual([
      store.keys.host('host-1'),
      store.keys.meta(),
    ]);
  });

  test('of a newer format is not changed', async () => {
    const store = await open();
    const { meta } = await store.prepareToChange();
    await commitUnlocked(store.kv, store.keys, [putRecord(store.keys.meta(), { ...meta, format: 2 }, 'any')]);
    const other = await open(store.prefix, store.keyFile);
    expect(await errorOf(lockOf(other))).toMatchObject({ code: 'store_newer' });
    expect(await other.meta()).toMatchObject({ format: 2 });
    expect((await other.readFleet()).databases).toEqual([]);
  });

  test('keeps secrets sealed, under any name', async () => {
    const store = await open();
    const { key } = await store.prepareToChange();
    const lock = await lockOf(store);
    const names = ['superuser', 'verifier.o/b r\'ien"', 'verifier.ünï'];
    await lock.commit(
      names.map((name) =>
        store.secrets.write({ database: 'shop', name, value: PASSWORD, key, expect: 'absent' }),
      ),
    );
    const snapshot = await store.readDatabase('shop');
    expect([...snapshot.secrets.keys()].sort()).toEqual([...names].sort());
    const opened = await store.openSecrets(snapshot);
    expect([...opened.values()].map((secret) => secret.reveal())).toEqual(names.map(() => PASSWORD.reveal()));
    const raw = await store.kv.range(`${store.prefix}/`);
    expect(raw.map(({ value }) => value.toString()).join()).not.toContain('canary');
    const reader = await open(store.prefix);
    expect(await errorOf(reader.openSecrets(snapshot))).toMatchObject({ code: 'secret_key' });
    expect(await reader.openSecrets({ secrets: new Map() })).toEqual(new Map());
    await lock.release();
  });
});
