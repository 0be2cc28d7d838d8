import { PgctlError } from '../errors.ts';
import type { HostFacts, HostRecord } from '../records/types.ts';
import { hostFactsStep, reachEtcdStep, readHostFacts, type ReadFacts } from '../steps/host-facts.ts';
import type { HostStep, StepOutput } from '../steps/step.ts';
import type { EtcdTls } from '../resources/etcd-tls.ts';
import type { Transport } from '../transport/transport.ts';
import { LOCAL_ADDRESS } from '../transport/transport.ts';
import { assertInTime, lookLimitMs, outputsOf, runOnHost } from './on-host.ts';

const PROBE_LIMIT_MS = 30_000;
/** Patroni's leases are 30 s; a clock that is off by more than this makes logs and certificates lie. */
const CLOCK_SKEW_LIMIT_S = 5;
const LOW_DISK_BYTES = 1024 ** 3;

/** Something that a host lacks, or that is not as it should be there. */
export interface HostProblem {
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly remedy: string;
}

/** A host that was looked at: its record with new facts, and what it lacks. */
export interface ProbedHost {
  readonly host: HostRecord;
  readonly findings: readonly HostProblem[];
}

export interface ProbeRequest {
  readonly transport: Transport;
  /** As it is known so far; its facts may be missing. */
  readonly host: HostRecord;
  /** etcd as pgctl reaches it. */
  readonly endpoints: readonly string[];
  /** What hosts reach an etcd over TLS with. */
  readonly tls: EtcdTls;
  readonly now: () => Date;
  /** Of one step, in milliseconds; null for the limit that every look has. */
  readonly limitMs: number | null;
}

/**
 * Looks at a host and returns its record with what was found. Throws `host_unreachable`, `timeout`, or
 * `host_unusable` where pgctl has no way to become root there (a local host of an ordinary user needs none).
 */
export async function probeHost(request: ProbeRequest): Promise<ProbedHost> {
  const { transport, host, endpoints, tls, now, limitMs } = request;
  const before = now().getTime();
  // Without privileges: what the login user may do is one of the questions.
  const plain: HostRecord = { ...host, facts: null };
  const [output] = await look({ transport, host: plain, limitMs }, hostFactsStep(host.base_dir));
  const after = now().getTime();
  const read = readHostFacts(output ?? { exitCode: 0, stdout: '' }, {
    before,
    after,
    now: now().toISOString(),
  });
  assertPrivileges(host, read);
  const facts = ownAccount(host, read);
  const probed: HostRecord = {
    ...host,
    service_manager: facts.systemd && facts.privileges !== 'none' ? host.service_manager : 'process',
    facts,
    updated_at: now().toISOString(),
  };
  const etcd = { endpoints: host.host_endpoints ?? endpoints, tls };
  const reach = await reachFindings({ transport, host: probed, limitMs }, etcd);
  return { host: probed, findings: [...factFindings(read), ...reach] };
}

/**
 * On pgctl's own machine an ordinary user's instances run as that user, also where sudo would allow more: they
 * are in the user's own directories, and nothing of the machine's is touched.
 */
function ownAccount(host: HostRecord, { facts, loginUser, loginHome }: ReadFacts): HostFacts {
  if (host.address !== LOCAL_ADDRESS || facts.privileges !== 'sudo') return facts;
  return { ...facts, privileges: 'none', run_user: loginUser, run_user_home: loginHome };
}

function assertPrivileges(host: HostRecord, { facts, loginUser }: ReadFacts): void {
  if (facts.privileges !== 'none' || host.address === LOCAL_ADDRESS) return;
  throw new PgctlError(
    'host_unusable',
    `host ${host.host_id}: ${loginUser} is not root there and may not use sudo without a password`,
    {
      hint: `Allow it on the host, for example in /etc/sudoers.d/pgctl: ${loginUser} ALL=(ALL) NOPASSWD: ALL — or give another --user.`,
    },
  );
}

/** What the facts say is missing. */
function factFindings({ facts, hasPostgresUser }: ReadFacts): HostProblem[] {
  const findings: HostProblem[] = [];
  const add = (severity: HostProblem['severity'], message: string, remedy: string): void =>
    void findings.push({ severity, message, remedy });
  if (facts.postgres.length === 0)
    add(
      'error',
      'PostgreSQL is not installed (packages postgresql-17 or others)',
      'On Debian: `apt install postgresql`.',
    );
  if (facts.patroni === null)
    add(
      'error',
      'Patroni is not installed (packages patroni and python3-etcd)',
      'On Debian: `apt install patroni python3-etcd`.',
    );
  if (facts.privileges !== 'none' && !hasPostgresUser)
    add('error', 'there is no account postgres', "The distribution's package of PostgreSQL makes it.");
  if (facts.disk_free_bytes < LOW_DISK_BYTES)
    add(
      'warning',
      `only ${Math.round(facts.disk_free_bytes / 1024 ** 2)} MiB are free under its base directory`,
      'Make room: a database on a full disk stops.',
    );
  if (Math.abs(facts.clock_skew_seconds) > CLOCK_SKEW_LIMIT_S)
    add(
      'warning',
      `its clock is off by ${facts.clock_skew_seconds} s; keep it in step with NTP`,
      'On the host: `timedatectl set-ntp true`.',
    );
  return findings;
}

type Looking = Pick<ProbeRequest, 'transport' | 'host' | 'limitMs'>;

async function look({ transport, host, limitMs }: Looking, step: HostStep): Promise<readonly StepOutput[]> {
  const limits = { limitMs, ownMs: PROBE_LIMIT_MS };
  const result = await runOnHost({
    ...{ transport, host, steps: [step], fence: null, signal: null },
    limitMs: lookLimitMs(limits),
  });
  assertInTime(result, limits);
  return outputsOf(result);
}

async function reachFindings(
  looking: Looking,
  etcd: Pick<ProbeRequest, 'endpoints' | 'tls'>,
): Promise<readonly HostProblem[]> {
  const { patroni } = looking.host.facts as HostFacts;
  if (patroni === null) return [];
  const [output] = await look(looking, reachEtcdStep({ python: patroni.python, ...etcd }));
  return (output?.stdout ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map((message) => ({
      severity: 'error',
      message,
      remedy: 'Open the way to it, or say how this host reaches etcd: `pgctl host add … --host-endpoints`.',
    }));
}
