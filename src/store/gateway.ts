import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { AgentOptions } from 'node:https';
import type { EtcdUser, TlsOptions } from './channel.ts';

/** What etcd said over HTTP. */
export interface GatewayAnswer {
  readonly status: number;
  /** Parsed where it is JSON, else the text. */
  readonly body: unknown;
  /** The server's clock, to the second; null where it did not say. */
  readonly date: Date | null;
  readonly elapsedMs: number;
}

export interface GatewayOptions {
  readonly endpoint: string;
  readonly tls: TlsOptions | null;
  readonly auth: EtcdUser | null;
  /** Milliseconds that one request may take. */
  readonly limitMs: number;
}

/** More than any answer that is asked for here. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * One etcd over its HTTP side, the one that Patroni on the hosts uses. For looking only: what etcd is, and what must not
 * wait for a third of a second until the gRPC client is loaded, as the first reads of a command and the names for a
 * shell to complete.
 */
export class Gateway {
  readonly #options: GatewayOptions;
  #door: Promise<Door> | null = null;
  #token: Promise<string | null> | null = null;
  #given: string | null = null;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /** A page such as /health. */
  get(path: string): Promise<GatewayAnswer> {
    return this.#request(path, { signal: this.#limit() });
  }

  /**
   * A call of the v3 API, with a token where pgctl has a user. A refusal is an answer too.
   *
   * @param signal where its time is not that of every request, but shared with others
   */
  async call(path: string, body: object, signal = this.#limit()): Promise<GatewayAnswer> {
    this.#token ??= this.#authenticate(signal);
    return this.#request(path, { body, token: await this.#token, signal });
  }

  /** What etcd gave at the login; null before that, and for none. */
  get token(): string | null {
    return this.#given;
  }

  close(): void {
    void this.#door?.then(({ agent }) => {
      agent.destroy();
    });
  }

  #limit(): AbortSignal {
    return AbortSignal.timeout(this.#options.limitMs);
  }

  async #authenticate(signal: AbortSignal): Promise<string | null> {
    const { auth } = this.#options;
    if (auth === null) return null;
    const login = { name: auth.user, password: auth.password.reveal() };
    const { body } = await this.#request('/v3/auth/authenticate', { body: login, signal });
    const token: unknown = (body as { token?: unknown } | null)?.token;
    this.#given = typeof token === 'string' ? token : null;
    return this.#given;
  }

  async #request(path: string, { body, token = null, signal }: Request): Promise<GatewayAnswer> {
    const { endpoint } = this.#options;
    this.#door ??= openDoor(this.#options);
    const { send, agent } = await this.#door;
    const begun = performance.now();
    return new Promise((resolve, reject) => {
      const request = send(
        new URL(path, endpoint),
        {
          method: body === undefined ? 'GET' : 'POST',
          agent,
          signal,
          ...(token === null ? {} : { headers: { Authorization: token } }),
        },
        (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on('data', (chunk: Buffer) => {
            chunks.push(chunk);
            size += chunk.length;
            if (size > MAX_BYTES) response.destroy(new Error('the answer is too long'));
          });
          response.on('error', reject);
          response.on('end', () => {
            const { date } = response.headers;
            resolve({
              status: response.statusCode ?? 0,
              body: parsed(Buffer.concat(chunks).toString('utf8')),
              date: date === undefined ? null : new Date(date),
              elapsedMs: performance.now() - begun,
            });
          });
        },
      );
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

interface Request {
  /** Sent as JSON; without one it is a page that is asked for. */
  readonly body?: object;
  readonly token?: string | null;
  readonly signal: AbortSignal;
}

interface Door {
  readonly send: typeof httpRequest;
  readonly agent: HttpAgent;
}

/** One connection that is kept. Node's own agents know no proxies, and so etcd's password goes to etcd only. */
async function openDoor({ endpoint, tls }: GatewayOptions): Promise<Door> {
  const shared: AgentOptions = { keepAlive: true, maxSockets: 1 };
  if (!endpoint.startsWith('https:')) return { send: httpRequest, agent: new HttpAgent(shared) };
  // TLS takes as long to load as all the rest of this.
  const { Agent, request } = await import('node:https');
  const files = {
    ...(tls?.ca ? { ca: tls.ca } : {}),
    ...(tls?.cert ? { cert: tls.cert } : {}),
    ...(tls?.key ? { key: tls.key } : {}),
  };
  return { send: request, agent: new Agent({ ...shared, ...files }) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
