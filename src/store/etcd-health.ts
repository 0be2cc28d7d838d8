import type { EndpointHealth, EndpointStatus, EtcdHealth } from '../records/etcd-health.ts';
import { Gateway, type GatewayAnswer, type GatewayOptions } from './gateway.ts';

type Place = Omit<GatewayOptions, 'endpoint'>;

/** A field of an answer, whatever the answer is. */
const field = (body: unknown, name: string): unknown =>
  typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/**
 * Looks at every endpoint of etcd, over HTTP as Patroni on the hosts does. What does not answer is in the result;
 * nothing is thrown.
 *
 * @param now pgctl's clock, in milliseconds since the epoch
 */
export async function lookAtEtcd(
  endpoints: readonly string[],
  place: Place,
  now: () => number,
): Promise<Omit<EtcdHealth, 'rights'>> {
  const looked = await Promise.all(
    endpoints.map(async (endpoint) => {
      const gateway = new Gateway({ ...place, endpoint });
      try {
        return await lookAt(endpoint, gateway, now);
      } catch (error) {
        return { endpoint, error: reasonOf(error), seen: null, members: null, alarms: null };
      } finally {
        gateway.close();
      }
    }),
  );
  return {
    endpoints: looked.map(({ endpoint, error, seen }) => ({ endpoint, error, seen })),
    members: looked.find(({ members }) => members !== null)?.members ?? null,
    alarms: looked.find(({ alarms }) => alarms !== null)?.alarms ?? null,
  };
}

type Looked = EndpointHealth & Pick<EtcdHealth, 'members' | 'alarms'>;

async function lookAt(endpoint: string, gateway: Gateway, now: () => number): Promise<Looked> {
  // The first request opens the connection, so that the next ones tell how long etcd takes: the quickest of them,
  // as one that took long may be this machine's doing.
  const version = await gateway.get('/version');
  const before = now();
  const status = await gateway.call('/v3/maintenance/status', {});
  const after = now();
  if (status.status !== 200 || textOf(field(status.body, 'version')) === '')
    return {
      endpoint,
      error: `what answers there is not etcd with its HTTP API (${refusalOf(status)})`,
      seen: null,
      members: null,
      alarms: null,
    };
  const [health, metrics, members, alarms] = [
    await gateway.get('/health'),
    await gateway.get('/metrics'),
    await gateway.call('/v3/cluster/member/list', {}),
    await gateway.call('/v3/maintenance/alarm', { action: 'GET' }),
  ];
  const quota = /^etcd_server_quota_backend_bytes ([0-9.e+]+)$/m.exec(textOf(metrics.body))?.[1];
  const seen: EndpointStatus = {
    version: textOf(field(version.body, 'etcdserver')) || textOf(field(status.body, 'version')),
    healthy: field(health.body, 'health') === 'true' || field(health.body, 'health') === true,
    latencyMs: Math.min(...[status, health, members, alarms].map(({ elapsedMs }) => elapsedMs)),
    hasLeader: !['', '0'].includes(textOf(field(status.body, 'leader'))),
    dbBytes: Number(field(status.body, 'dbSize') ?? 0),
    quotaBytes: quota === undefined ? null : Number(quota),
    clockOffsetSeconds: status.date === null ? null : offsetOf(status.date.getTime(), before, after),
  };
  return { endpoint, error: null, seen, members: membersOf(members), alarms: alarmsOf(alarms) };
}

/** Of a clock that was read somewhere between two times of ours, and told in whole seconds. */
function offsetOf(theirs: number, before: number, after: number): number {
  if (theirs > after) return Math.round((theirs - after) / 1000);
  return theirs + 1000 < before ? -Math.round((before - theirs - 1000) / 1000) : 0;
}

function listOf(answer: GatewayAnswer, name: string): readonly unknown[] | null {
  if (answer.status !== 200) return null;
  const list = field(answer.body, name);
  return Array.isArray(list) ? (list as readonly unknown[]) : [];
}

const membersOf = (answer: GatewayAnswer): readonly string[] | null =>
  listOf(answer, 'members')?.map((member) => textOf(field(member, 'name'))) ?? null;

const alarmsOf = (answer: GatewayAnswer): readonly string[] | null =>
  listOf(answer, 'alarms')
    ?.map((alarm) => textOf(field(alarm, 'alarm')))
    .filter((alarm) => alarm !== '' && alarm !== 'NONE') ?? null;

function refusalOf({ status, body }: GatewayAnswer): string {
  const said = textOf(field(body, 'error')) || textOf(field(body, 'message'));
  return `HTTP ${status}${said === '' ? '' : `, ${said}`}`;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'no answer in time';
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
