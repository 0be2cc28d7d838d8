import type { IRangeRequest } from 'etcd3';
import { Gateway, type GatewayOptions } from './gateway.ts';
import { firstPage, type KeyValue, nextPage, PAGE, type RangeSpec } from './range.ts';

/** Keys that are worth reading so: as JSON they are half as long again, and gRPC has been loaded by then. */
const MOST_KEYS = 4 * PAGE;
/** Keys of each range in the first answer: a larger one is known by its count, before etcd has made JSON of it. */
const FIRST = 20;

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
  readonly found: KeyValue[];
  /** How many there are to be; endless before the first answer. */
  wanted: number;
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
    this.#gateway = new Gateway({ ...place, limitMs: 0 });
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
    const ranges = specs.map((spec): Range => ({ spec, found: [], wanted: Infinity }));
    let revision: string | null = null;
    for (
      let open = ranges;
      open.length > 0;
      open = ranges.filter(({ found, wanted }) => found.length < wanted)
    ) {
      const at = revision;
      const success = open.map((range) => ({ request_range: toJson(pageAfter(range, at)) }));
      const answer = await this.#call('/v3/kv/txn', { success }, signal);
      revision ??= textOf(rawOf(answer['header'])['revision']);
      const responses = listOf(answer['responses']);
      if (responses.length !== open.length) throw new Error('etcd answers something else');
      for (const [index, range] of open.entries())
        add(range, pageOf(rawOf(rawOf(responses[index])['response_range'])));
      const keys = ranges.reduce((sum, { wanted }) => sum + wanted, 0);
      if (keys > MOST_KEYS) throw new Error(`too much for this way: ${keys} keys`);
    }
    return ranges.map(({ found }) => found);
  }

  /** See `Gateway`: it is good for gRPC as well, and a login takes etcd longer than anything else. */
  get token(): string | null {
    return this.#gateway.token;
  }

  close(): void {
    this.#gateway.close();
  }

  async #call(path: string, body: object, signal: AbortSignal): Promise<Raw> {
    const answer = await this.#gateway.call(path, body, signal);
    if (answer.status !== 200) throw new Error(`HTTP ${answer.status}`);
    return rawOf(answer.body);
  }
}

function pageAfter({ spec, found }: Range, revision: string | null): IRangeRequest {
  if (revision !== null) return nextPage(spec, found, revision);
  return { ...firstPage(spec), limit: Math.min(FIRST, spec.limit ?? FIRST) };
}

function add(range: Range, { kvs, count }: Page): void {
  // At one revision a range does not change its size, and its pages have keys until it ends.
  if (range.wanted === Infinity) range.wanted = Math.min(count, range.spec.limit ?? Infinity);
  else if (kvs.length === 0) throw new Error('keys are missing');
  range.found.push(...kvs);
  if (range.found.length > range.wanted) throw new Error('there are keys that nobody asked for');
  if (range.found.length === 0 && range.wanted > 0) throw new Error('keys are missing');
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
