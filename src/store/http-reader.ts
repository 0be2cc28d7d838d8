import type { IRangeRequest } from 'etcd3';
import { Gateway, type GatewayOptions } from './gateway.ts';
import { firstPage, type KeyValue, nextPage, PAGE, type RangeSpec } from './range.ts';

/** Keys that are worth reading so: as JSON they are half as long again, and gRPC has been loaded by then. */
const MOST_KEYS = 4 * PAGE;
/** Reads that go on at the same time, each on a connection of its own. */
const AT_ONCE = 4;

/** etcd's limit per transaction. */
const MOST_RANGES = 128;

/** What etcd's JSON holds, before it was looked at. */
type Raw = Readonly<Record<string, unknown>>;

interface Page {
  readonly kvs: readonly KeyValue[];
  /** Keys of the whole range. */
  readonly count: number;
}

interface Range {
  readonly spec: RangeSpec;
  /** What the first answer had of it. */
  readonly first: readonly KeyValue[];
  /** How many there are to be. */
  readonly wanted: number;
}

interface Asked {
  readonly specs: readonly RangeSpec[];
  readonly limitMs: number;
  readonly resolve: (found: readonly (readonly KeyValue[])[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads over the HTTP side of one etcd, once. It is for the first reads of a command, which would otherwise wait longer
 * for the gRPC client than for etcd. Whatever is not just as it should be is an error, of which nothing is told: its
 * caller asks again over gRPC.
 */
export class HttpReader {
  readonly #gateway: Gateway;
  readonly #asked: Asked[] = [];

  constructor(place: Pick<GatewayOptions, 'endpoint' | 'tls' | 'auth'>) {
    this.#gateway = new Gateway({ ...place, limitMs: 0, atOnce: AT_ONCE });
  }

  /**
   * As `Kv.read`. What is asked for in one go is one request: every command asks for the store's format beside what it is
   * about.
   *
   * @throws where anything is in doubt, where it takes longer than this, and where there is too much
   */
  read(specs: readonly RangeSpec[], limitMs: number): Promise<readonly (readonly KeyValue[])[]> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ specs, limitMs, resolve, reject });
      if (this.#asked.length === 1) setImmediate(() => this.#answerAll());
    });
  }

  #answerAll(): void {
    const asked = this.#asked.splice(0);
    const all = asked.flatMap(({ specs }) => specs);
    const groups = all.length <= MOST_RANGES ? [asked] : asked.map((one) => [one]);
    for (const group of groups) void this.#answer(group);
  }

  async #answer(group: readonly Asked[]): Promise<void> {
    const specs = group.flatMap((one) => one.specs);
    try {
      const found = await this.#readAll(specs, Math.min(...group.map(({ limitMs }) => limitMs)));
      let at = 0;
      for (const one of group) one.resolve(found.slice(at, (at += one.specs.length)));
    } catch (error) {
      for (const one of group) one.reject(error);
    }
  }

  async #readAll(specs: readonly RangeSpec[], limitMs: number): Promise<readonly (readonly KeyValue[])[]> {
    const signal = AbortSignal.timeout(Math.max(1, limitMs));
    const success = specs.map((spec) => ({ request_range: toJson(firstPage(spec)) }));
    const answer = await this.#call('/v3/kv/txn', { success }, signal);
    const revision = textOf(rawOf(answer['header'])['revision']);
    const responses = listOf(answer['responses']);
    if (responses.length !== specs.length) throw new Error('etcd answers something else');
    const pages = responses.map((response) => pageOf(rawOf(rawOf(response)['response_range'])));
    const ranges = pages.map(({ kvs, count }, index): Range => {
      const spec = specs[index] ?? { key: '' };
      return { spec, first: kvs, wanted: Math.min(count, spec.limit ?? Infinity) };
    });
    const keys = ranges.reduce((sum, { wanted }) => sum + wanted, 0);
    if (keys > MOST_KEYS) throw new Error(`too much for this way: ${keys} keys`);
    return Promise.all(ranges.map((range) => this.#whole(range, { revision, signal })));
  }

  /** See `Gateway`: it is good for gRPC as well, and a login takes etcd longer than anything else. */
  get token(): string | null {
    return this.#gateway.token;
  }

  close(): void {
    this.#gateway.close();
  }

  async #whole(
    { spec, first, wanted }: Range,
    { revision, signal }: { readonly revision: string; readonly signal: AbortSignal },
  ): Promise<readonly KeyValue[]> {
    const all = [...first];
    while (all.length < wanted) {
      const { kvs } = pageOf(await this.#call('/v3/kv/range', toJson(nextPage(spec, all, revision)), signal));
      if (kvs.length === 0) throw new Error('keys are missing');
      all.push(...kvs);
    }
    if (all.length > wanted) throw new Error('there are keys that nobody asked for');
    return all;
  }

  async #call(path: string, body: object, signal: AbortSignal): Promise<Raw> {
    const answer = await this.#gateway.call(path, body, signal);
    if (answer.status !== 200) throw new Error(`HTTP ${answer.status}`);
    return rawOf(answer.body);
  }
}

/** In JSON, bytes are base64 and the words of protobuf are in capitals. */
function toJson({ key, range_end, sort_order, sort_target, ...rest }: IRangeRequest): object {
  return {
    ...rest,
    key: key?.toString('base64'),
    range_end: range_end?.toString('base64'),
    sort_order: sort_order && String(sort_order).toUpperCase(),
    sort_target: sort_target && String(sort_target).toUpperCase(),
  };
}

/** What is zero, false or empty is left out. */
function pageOf(range: Raw): Page {
  const { kvs = [], count = '0' } = range;
  return { kvs: listOf(kvs).map((kv) => keyValue(rawOf(kv))), count: Number(textOf(count)) };
}

function keyValue(raw: Raw): KeyValue {
  return {
    key: Buffer.from(textOf(raw['key']), 'base64').toString('utf8'),
    value: Buffer.from(textOf(raw['value'] ?? ''), 'base64'),
    modRevision: textOf(raw['mod_revision']),
    createRevision: textOf(raw['create_revision']),
    version: textOf(raw['version']),
    lease: textOf(raw['lease'] ?? '0'),
  };
}

function rawOf(value: unknown): Raw {
  if (typeof value === 'object' && value !== null) return value as Raw;
  throw new Error('etcd answers something else');
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error('etcd answers something else');
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Error('etcd answers something else');
}
