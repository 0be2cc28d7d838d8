import { toPgctlError } from '../../src/errors.ts';
import { livingAmong, lookForStamped } from '../../src/executor/leftovers.ts';
import { findingsOf } from '../../src/records/findings.ts';
import { hostRecordFindings, orphanFindings, unrecorded } from '../../src/records/host-findings.ts';
import { IN_PROGRESS } from '../../src/records/states.ts';
import type { HostRecord } from '../../src/records/types.ts';
import type { Finding } from '../../src/ui/documents.ts';
import type { App } from './app.ts';
import { lookAtHost } from './check-host.ts';
import { findingOf } from './doctor-finding.ts';
import { type ReadFleet, readFleet } from './fleet.ts';
import { isInterrupted } from './task-runs.ts';

/** How far back runs that were interrupted are looked for. */
const RECENT_TASKS = 500;

/** What was found in the records and on the hosts, and of how many of them. */
export interface FleetDiagnosis {
  readonly findings: readonly Finding[];
  readonly hosts: number;
  readonly databases: number;
}

/** Holds all records against one another and against every host. The hosts are asked side by side. */
export async function diagnoseFleet(app: App): Promise<FleetDiagnosis> {
  const fleet = await readFleet(app);
  const { snapshot, databases, tasks, patroniNamespace } = fleet;
  const records = {
    instances: snapshot.instances.map(({ value }) => value),
    databases: new Map(snapshot.databases.map(({ value }) => [value.database_id, value])),
    busy: new Set(snapshot.locks.keys()),
  };
  const { keys } = await app.store();
  const hosts = [...snapshot.hosts.values()].map(({ value }) => value);
  const recorded = [
    ...findingsOf({
      databases,
      clusters: snapshot.patroni,
      locks: snapshot.locks,
      tasks,
      corrupt: snapshot.corrupt,
      patroniNamespace,
    }),
    ...orphanFindings({
      ...records,
      hosts: new Set(hosts.map(({ host_id }) => host_id)),
      instancesPrefix: keys.instances(),
    }),
  ];
  const found = await Promise.all([
    taskFindings(app, fleet),
    ...hosts.map((host) => diagnoseHost(app, host, records)),
  ]);
  return { findings: [...recorded, ...found.flat()], hosts: hosts.length, databases: databases.length };
}

type Records = Pick<Parameters<typeof hostRecordFindings>[0], 'instances' | 'databases' | 'busy'>;

/** One host. That it does not answer is a finding; how many are asked at a time is the transport's to bound. */
async function diagnoseHost(app: App, stored: HostRecord, records: Records): Promise<readonly Finding[]> {
  const id = stored.host_id;
  try {
    const { host, state, problems } = await lookAtHost(app, stored);
    const lost = `\`pgctl host check ${id}\` looks again; if it is lost for good, \`pgctl recover --remove-host ${id}\`.`;
    const findings = problems.map(({ severity, message, remedy }): Finding => ({
      severity,
      subject: id,
      message,
      remedy: state === 'unreachable' ? lost : `${remedy} Then \`pgctl host check ${id}\`.`,
    }));
    return host === null ? findings : [...findings, ...(await compare(app, host, records))];
  } catch (thrown) {
    return [findingOf(toPgctlError(thrown), id)];
  }
}

async function compare(app: App, host: HostRecord, records: Records): Promise<readonly Finding[]> {
  const place = { transport: await app.transport(), host };
  const stamped = await lookForStamped(place);
  const unknown = unrecorded({ ...records, stamped });
  const living = unknown.length === 0 ? [] : await livingAmong(place, unknown);
  const elsewhere = new Set(living.map(({ instance_id }) => instance_id));
  return hostRecordFindings({ ...records, host, stamped, elsewhere });
}

/** Runs that ended without an outcome, where no database's state tells of them. */
async function taskFindings(app: App, { snapshot, databases }: ReadFleet): Promise<readonly Finding[]> {
  const store = await app.store();
  const { items } = await store.tasks.list(RECENT_TASKS);
  const told = new Set(
    databases
      .filter(({ state, interrupted }) => IN_PROGRESS[state] && interrupted !== undefined)
      .map(({ interrupted }) => interrupted?.task_id),
  );
  return items
    .map(({ value }) => value)
    .filter((task) => isInterrupted(task, snapshot.locks) && !told.has(task.task_id))
    .map(({ task_id, operation, entity_id, who, started_at }): Finding => ({
      severity: 'warning',
      subject: task_id,
      message: `the ${operation} of ${entity_id} that ${who} began at ${started_at} ended without an outcome`,
      remedy: `\`pgctl task resume ${task_id}\` goes on with it, \`pgctl task cancel ${task_id}\` gives it up.`,
    }));
}
