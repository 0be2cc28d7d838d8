import { Gateway, type GatewayOptions } from './gateway.ts';
import { Keys } from './keys.ts';

/** What there are names of. */
export type Named = 'database' | 'instance' | 'host' | 'task';

/** How many tasks are named, newest first: of those that are kept nobody types an old one. */
const MOST_TASKS = 50;

const PREFIXES: Readonly<Record<Named, (keys: Keys) => string>> = {
  database: (keys) => keys.databases(),
  instance: (keys) => keys.instances(),
  host: (keys) => keys.hosts(),
  task: (keys) => keys.tasks(),
};

export interface NamesRequest extends Omit<GatewayOptions, 'endpoint'> {
  readonly endpoints: readonly string[];
  readonly prefix: string;
  readonly named: Named;
}

/**
 * Names of everything of one kind, without a value being read, from whichever endpoint answers first. For a shell
 * that waits: the gRPC client is not loaded, and nothing is tried twice. @throws where none answers
 */
export async function readNames({
  endpoints,
  prefix,
  named,
  ...place
}: NamesRequest): Promise<readonly string[]> {
  const start = PREFIXES[named](new Keys(prefix));
  const request = {
    key: base64(start),
    // Every prefix ends in a slash, and 0 is what comes after it.
    range_end: base64(`${start.slice(0, -1)}0`),
    keys_only: true,
    ...(named === 'task' ? { sort_order: 'DESCEND', sort_target: 'KEY', limit: MOST_TASKS } : {}),
  };
  const gateways = endpoints.map((endpoint) => new Gateway({ ...place, endpoint }));
  try {
    return await Promise.any(
      gateways.map(async (gateway) => {
        const { status, body } = await gateway.call('/v3/kv/range', request);
        if (status !== 200) throw new Error(`HTTP ${status}`);
        const kvs = (body as { readonly kvs?: readonly { readonly key: string }[] }).kvs ?? [];
        return kvs.map(({ key }) => Buffer.from(key, 'base64').toString('utf8').split('/').at(-1) ?? '');
      }),
    );
  } finally {
    for (const gateway of gateways) gateway.close();
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
