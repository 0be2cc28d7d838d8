import { setTimeout as delay } from 'node:timers/promises';
import type { AuthClient, Etcd3, IResponseOp } from 'etcd3';
import type * as calls from './calls.ts';
import type { CallOptions, EtcdUser, TlsOptions } from './channel.ts';
import { contactError } from './contact-problem.ts';
import { HttpReader } from './http-reader.ts';
import { KvError, type KvFailure, kvFailure, refused, unreachable } from './kv-error.ts';
import { firstPage, keyValue, nextPage, type KeyValue, type RangeSpec } from './range.ts';
import { bytes, toCompare, toRequest, type Compare, type Op } from './txn.ts';

export interface KvOptions {
  /** As `parseEndpoints` gives them. */
  readonly endpoints: readonly string[];
  readonly tls: TlsOptions | null;
  readonly auth: EtcdUser | null;
  /** Milliseconds that one attempt of a call may take. */
  readonly attemptMs: number;
  /** Milliseconds that a call may take with all its attempts. */
  readonly totalMs: number;
  /**
   * The same as long as etcd has never answered, or not since a call ran out of time: a wrong address, or that
   * etcd is still away, should not take half a minute to be told.
   */
  readonly firstContactMs: number;
}

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly Op[];
  readonly failure: readonly Op[];
}

export interface TxnResult {
  readonly succeeded: boolean;
  /** The store's revision after the transaction; what it wrote has it as its mod revision. */
  readonly revision: string;
  /** For each operation of the branch that was taken, what it read; empty for a write. */
  readonly read: readonly (readonly KeyValue[])[];
  /** An earlier attempt got no answer, so `succeeded: false` may be the work of that attempt itself. */
  readonly repeated: boolean;
}

/** New tokens that one call asks for, at most. */
const TOKENS_WHILE_USERS_CHANGE = 20;

/** The gRPC client and what goes with it. */
type Calls = typeof calls;

/** How much of the time that a call has goes to HTTP, at most: what does not answer there is asked once more. */
const HTTP_SHARE = 4;

const BACKOFF_MS = { first: 50, most: 1000 } as const;

/**
 * etcd, as far as pgctl needs it. Each call has its own deadline and is repeated, on the next endpoint, while
 * etcd is not available; a call that ends with an error throws `etcd_unreachable` or `etcd_refused`.
 */
export class Kv {
  readonly #options: KvOptions;
  readonly #channels = new Map<string, Etcd3>();
  /** Loaded with the first call; until then reads go over HTTP. */
  #calls: Promise<Calls> | null = null;
  #http: HttpReader | null = null;
  #closed = false;
  #current = 0;
  #contact: 'none yet' | 'good' | 'lost' = 'none yet';
  #token: Promise<string> | null = null;

  constructor(options: KvOptions) {
    this.#options = options;
  }

  get endpoints(): readonly string[] {
    return this.#options.endpoints;
  }

  /** @param limitMs as of `txn` */
  async get(key: string, limitMs = Infinity): Promise<KeyValue | null> {
    const [found] = await this.read([{ key }], limitMs);
    return found?.[0] ?? null;
  }

  /** All keys that begin with `prefix`, in order, all at one revision. */
  async range(prefix: string, options: Omit<RangeSpec, 'key' | 'prefix'> = {}): Promise<readonly KeyValue[]> {
    const [found] = await this.read([{ key: prefix, prefix: true, ...options }]);
    return found ?? [];
  }

  /**
   * Several keys and prefixes at one revision, in one round trip as long as none of them holds more than a
   * page; the pages after the first are read at the same revision.
   */
  async read(specs: readonly RangeSpec[], limitMs = Infinity): Promise<readonly (readonly KeyValue[])[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#readOnce(specs, limitMs);
      } catch (error) {
        // Compacted between two pages: what was read so far cannot be continued, so all of it is read again.
        if (kvFailure(error) !== 'compacted' || attempt === 3) throw refused(this.endpoints, error);
      }
    }
  }

  async #readOnce(specs: readonly RangeSpec[], limitMs: number): Promise<readonly (readonly KeyValue[])[]> {
    const begun = performance.now();
    const totalMs = Math.min(limitMs, this.#totalMs());
    const quick = await this.#readOverHttp(specs, totalMs / HTTP_SHARE);
    if (quick !== null) return quick;
    const success = specs.map((spec) => ({ request_range: firstPage(spec) }));
    const { value: first } = await this.#call(
      (channel, options) => channel.kv.txn({ success }, options),
      false,
      totalMs - (performance.now() - begun),
    );
    return Promise.all(
      specs.map(async (spec, index) => {
        const answer = first.responses[index]?.response_range;
        const start = (answer?.kvs ?? []).map(keyValue);
        return answer?.more === true ? this.#morePages(spec, start, first.header.revision) : start;
      }),
    );
  }

  /**
   * Most commands read once or twice, and that is over by the time the gRPC client is loaded. Null, from then on and
   * for good, where there is any doubt: gRPC is asked as if nothing had been, and says what is wrong.
   */
  async #readOverHttp(
    specs: readonly RangeSpec[],
    limitMs: number,
  ): Promise<readonly (readonly KeyValue[])[] | null> {
    if (this.#calls !== null) return null;
    const { tls, auth, attemptMs } = this.#options;
    this.#http ??= new HttpReader({ endpoint: this.endpoints[this.#current] ?? '', tls, auth });
    try {
      const found = await this.#http.read(specs, Math.min(attemptMs, limitMs));
      this.#contact = 'good';
      if (this.#http.token !== null) this.#token ??= Promise.resolve(this.#http.token);
      return found;
    } catch {
      return null;
    }
  }

  /** That changes follow, which only gRPC makes: it is loaded at once, and the reads before them wait for it as well. */
  expectChanges(): void {
    this.#load().catch(() => undefined);
  }

  #load(): Promise<Calls> {
    this.#calls ??= import('./calls.ts');
    return this.#calls;
  }

  async #morePages(
    spec: RangeSpec,
    start: readonly KeyValue[],
    revision: string,
  ): Promise<readonly KeyValue[]> {
    const all = [...start];
    for (let more = true; more && all.length < (spec.limit ?? Infinity);) {
      const request = nextPage(spec, all, revision);
      const { value: page } = await this.#call((channel, options) => channel.kv.range(request, options));
      all.push(...page.kvs.map(keyValue));
      more = page.more && page.kvs.length > 0;
    }
    return all;
  }

  /**
   * One transaction. It may reach etcd more than once, so it has to be one that does no harm when it is
   * applied twice; `repeated` tells the caller that this may have happened.
   *
   * @param limitMs where there is less time for it than for other calls
   */
  async txn(request: TxnRequest, limitMs = Infinity): Promise<TxnResult> {
    const raw = {
      compare: request.compare.map(toCompare),
      success: request.success.map(toRequest),
      failure: request.failure.map(toRequest),
    };
    const { value, repeated } = await this.#translated(
      (channel, options) => channel.kv.txn(raw, options),
      true,
      Math.min(limitMs, this.#totalMs()),
    );
    return {
      succeeded: value.succeeded,
      revision: value.header.revision,
      read: value.responses.map((response: IResponseOp) =>
        (response.response_range?.kvs ?? []).map(keyValue),
      ),
      repeated,
    };
  }

  /** A new lease. One whose grant was repeated leaves another behind that nobody keeps alive. */
  async grantLease(ttlSeconds: number): Promise<string> {
    const { value } = await this.#translated((channel, options) =>
      channel.leaseClient.leaseGrant({ TTL: ttlSeconds, ID: 0 }, options),
    );
    return value.ID;
  }

  /** Ends a lease and deletes the keys under it; one that is gone already is no error. */
  async revokeLease(id: string): Promise<void> {
    try {
      await this.#call((channel, options) => channel.leaseClient.leaseRevoke({ ID: id }, options));
    } catch (error) {
      if (kvFailure(error) !== 'no_lease') throw refused(this.endpoints, error);
    }
  }

  /** The same for a lease that ends by itself as well: it is tried for a short time, and does not throw. */
  async dropLease(id: string): Promise<void> {
    await this.#call(
      (channel, options) => channel.leaseClient.leaseRevoke({ ID: id }, options),
      false,
      2 * this.#options.attemptMs,
    ).catch(() => undefined);
  }

  /** Seconds that the lease has left; 0 for one that is gone. */
  async leaseTtl(id: string): Promise<number> {
    const { value } = await this.#translated((channel, options) =>
      channel.leaseClient.leaseTimeToLive({ ID: id, keys: false }, options),
    );
    return Math.max(0, Number(value.TTL));
  }

  /** Renews the lease with a single attempt: seconds it has now; 0 for one that is gone. */
  async keepAliveOnce(id: string): Promise<number> {
    const { keepAlive } = await this.#load();
    const { value } = await this.#translated(
      (channel, options) => keepAlive(channel, id, options),
      false,
      this.#options.attemptMs,
    );
    return value;
  }

  /** Whether pgctl is a user of etcd's. */
  get authenticates(): boolean {
    return this.#options.auth !== null;
  }

  /**
   * A call about etcd's users and roles; null where it ends with the failure that is `expected`. It may reach
   * etcd more than once.
   */
  async manage<T>(
    run: (auth: AuthClient, options: CallOptions) => Promise<T>,
    expected?: KvFailure,
  ): Promise<T | null> {
    try {
      return (await this.#call((channel, options) => run(channel.auth, options), true)).value;
    } catch (error) {
      if (expected !== undefined && kvFailure(error) === expected) return null;
      throw refused(this.endpoints, error);
    }
  }

  /** Asks etcd for nothing but an answer, in this time. A member without its majority does not answer. */
  async ping(key: string, totalMs: number): Promise<void> {
    const request = { key: bytes(key), keys_only: true };
    await this.#translated((channel, options) => channel.kv.range(request, options), false, totalMs);
  }

  /**
   * Tells of every change below the prefixes, from the endpoint that answered last. It ends with its connection,
   * or with etcd, and what happened since is for the caller to read; it can also fall silent without ending.
   * Nothing is to be decided by it.
   *
   * @param on `ended` comes once, and not after the stream was closed
   * @returns how to close it
   */
  async watch(
    prefixes: readonly string[],
    on: { readonly changed: () => void; readonly ended: () => void },
  ): Promise<() => void> {
    const calls = await this.#load();
    const token = await this.#token;
    return calls.openWatch(this.#channel(calls), prefixes, {
      ...on,
      options: token === null ? {} : { interceptors: [calls.withToken(token)] },
    });
  }

  close(): void {
    this.#closed = true;
    this.#http?.close();
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }

  async #translated<T>(
    run: (channel: Etcd3, options: CallOptions) => Promise<T>,
    mutates = false,
    totalMs?: number,
  ): Promise<{ readonly value: T; readonly repeated: boolean }> {
    try {
      return await this.#call(run, mutates, totalMs);
    } catch (error) {
      throw refused(this.endpoints, error);
    }
  }

  async #call<T>(
    run: (channel: Etcd3, options: CallOptions) => Promise<T>,
    mutates = false,
    totalMs = this.#totalMs(),
  ): Promise<{ readonly value: T; readonly repeated: boolean }> {
    // Something that was asked for without being waited for must not keep the process alive.
    if (this.#closed) throw new KvError('closed', null, new Error('the client is closed'));
    // Loading is not etcd's doing, and takes nothing of its time.
    const calls = await this.#load();
    const end = performance.now() + totalMs;
    let freshTokens = 0;
    for (let failures = 0; ;) {
      const attemptMs = Math.min(this.#options.attemptMs, end - performance.now());
      const endpoint = this.#current;
      try {
        const value = await this.#attempt(calls, run, Math.max(1, attemptMs));
        this.#contact = 'good';
        return { value, repeated: failures > 0 };
      } catch (error) {
        if (freshTokens < this.#tokensFor(error)) {
          freshTokens += 1;
          this.#token = null;
          continue;
        }
        if (kvFailure(error) !== 'unavailable') throw error;
        failures += 1;
        // Asked once: what is wrong with a certificate stays wrong.
        const problem =
          this.#contact === 'none yet' && failures === this.endpoints.length
            ? await contactError(this.endpoints, this.#options.tls, Date.now())
            : null;
        if (problem !== null) throw problem;
        if (this.#current === endpoint) this.#current = (endpoint + 1) % this.endpoints.length;
        const pause = backoffMs(failures, this.endpoints.length);
        if (performance.now() + pause >= end) {
          const known = !mutates || this.#contact === 'none yet';
          if (this.#contact === 'good') this.#contact = 'lost';
          throw unreachable(this.endpoints, error, !known);
        }
        if (pause > 0) await delay(pause);
      }
    }
  }

  #totalMs(): number {
    return this.#contact === 'good' ? this.#options.totalMs : this.#options.firstContactMs;
  }

  async #attempt<T>(
    calls: Calls,
    run: (channel: Etcd3, options: CallOptions) => Promise<T>,
    ms: number,
  ): Promise<T> {
    const channel = this.#channel(calls);
    const deadline = Date.now() + ms;
    const { auth } = this.#options;
    try {
      if (auth === null) return await run(channel, { deadline });
      this.#token ??= this.#authenticate(channel, auth, deadline);
      return await run(channel, { deadline, interceptors: [calls.withToken(await this.#token)] });
    } catch (error) {
      throw calls.translated(error);
    }
  }

  #channel({ openChannel }: Calls): Etcd3 {
    const endpoint = this.endpoints[this.#current] ?? '';
    const open = this.#channels.get(endpoint) ?? openChannel(endpoint, this.#options.tls);
    this.#channels.set(endpoint, open);
    return open;
  }

  async #authenticate(channel: Etcd3, user: EtcdUser, deadline: number): Promise<string> {
    try {
      const answer = await channel.auth.authenticate(
        { name: user.user, password: user.password.reveal() },
        { deadline },
      );
      return answer.token;
    } catch (error) {
      this.#token = null;
      throw error;
    }
  }

  /**
   * How often a call that failed like this is worth a new token. One that expired says so; one from before a
   * change of etcd's users is an invalid argument, and while instances get their users one change follows upon
   * the other.
   */
  #tokensFor(error: unknown): number {
    const failure = kvFailure(error);
    if (this.#options.auth === null) return 0;
    if (failure === 'token' || failure === 'invalid') return TOKENS_WHILE_USERS_CHANGE;
    return failure === 'refused' ? 1 : 0;
  }
}

/** No pause before an endpoint that was not tried yet in this round; then twice as long after each round. */
function backoffMs(failures: number, endpoints: number): number {
  if (failures % endpoints !== 0) return 0;
  const full = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** (failures / endpoints - 1));
  return full * (0.5 + Math.random() / 2);
}
