import type { Finding } from './fleet.ts';
import { IN_PROGRESS } from './states.ts';
import type { DatabaseRecord, HostRecord, InstanceRecord } from './types.ts';

/** What bears pgctl's stamp on a host, of one instance. */
export interface Stamped {
  readonly instance_id: string;
  readonly database_uid: string;
  readonly dir: string;
  readonly hasDirectory: boolean;
  readonly hasUnit: boolean;
  readonly running: boolean;
}

/** A host's records, and what is on it. */
export interface HostComparison {
  readonly host: HostRecord;
  /** Of all databases. */
  readonly instances: readonly InstanceRecord[];
  readonly databases: ReadonlyMap<string, DatabaseRecord>;
  /** Databases that somebody works on: there, records and hosts differ for good reason. */
  readonly busy: ReadonlySet<string>;
  readonly stamped: readonly Stamped[];
  /** Ids of instances among those without a record that another etcd says are in use. */
  readonly elsewhere: ReadonlySet<string>;
}

/** What is stamped on a host and no record knows. */
export function unrecorded({
  instances,
  databases,
  busy,
  stamped,
}: Pick<HostComparison, 'instances' | 'databases' | 'busy' | 'stamped'>): readonly Stamped[] {
  const ids = new Set(instances.map(({ instance_id }) => instance_id));
  return stamped.filter(({ instance_id, database_uid }) => {
    const [database = ''] = instance_id.split('.');
    const record = databases.get(database);
    if (busy.has(database) || (record !== undefined && IN_PROGRESS[record.state])) return false;
    return !ids.has(instance_id) || record?.uid !== database_uid;
  });
}

/** Where the records and a host do not agree. */
export function hostRecordFindings(comparison: HostComparison): readonly Finding[] {
  return [...missing(comparison), ...unrecorded(comparison).map((one) => leftFinding(one, comparison))];
}

/** What the records say is on the host, and is not. */
function missing({ host, instances, databases, busy, stamped }: HostComparison): readonly Finding[] {
  return instances.flatMap((instance): Finding[] => {
    const { instance_id, database_id, host_id, state } = instance;
    // What failed or is on its way may rightly lack something; `status` tells of it.
    if (host_id !== host.host_id || busy.has(database_id) || !['available', 'stopped'].includes(state))
      return [];
    const uid = databases.get(database_id)?.uid;
    // Without its database the record itself is what is wrong.
    if (uid === undefined) return [];
    const parts = stamped.filter((one) => one.instance_id === instance_id && one.database_uid === uid);
    const lacks = [
      parts.some(({ hasDirectory }) => hasDirectory) ? '' : 'its directory with its data',
      host.service_manager !== 'systemd' || parts.some(({ hasUnit }) => hasUnit) ? '' : 'its unit',
    ].filter((part) => part !== '');
    if (lacks.length === 0) return [];
    return [
      {
        severity: 'error',
        subject: instance_id,
        message: `its record says ${state}, and ${lacks.join(' and ')} ${lacks.length === 1 ? 'is' : 'are'} not on ${host_id}`,
        remedy: `Unless a disk of ${host_id} is merely not mounted, \`pgctl db apply -f …\` with the spec of ${database_id} makes it again, a replica with the data of its primary.`,
      },
    ];
  });
}

function leftFinding(
  { instance_id, database_uid, dir, hasDirectory, hasUnit, running }: Stamped,
  { host, elsewhere }: HostComparison,
): Finding {
  const unit = `pgctl-${instance_id}.service`;
  const what = [hasDirectory ? `directory ${dir}` : '', hasUnit ? `unit ${unit}` : ''].filter(
    (part) => part !== '',
  );
  const subject = `${host.host_id}: ${instance_id}`;
  const about = `${what.join(' and ')} of database uid ${database_uid}`;
  if (elsewhere.has(instance_id))
    return {
      severity: 'info',
      subject,
      message: `${about}: another etcd than this one says that it is in use`,
      remedy: null,
    };
  const commands = [
    hasUnit ? `systemctl disable --now ${unit}; rm /etc/systemd/system/${unit}` : '',
    hasDirectory ? `rm -r ${dir}` : '',
  ].filter((part) => part !== '');
  return {
    severity: running ? 'error' : 'warning',
    subject,
    message: `${about}: no record knows it${running ? ', and it runs' : ''}`,
    remedy: `If nobody needs its data, on ${host.host_id} as root: \`${commands.join('; ')}\`.`,
  };
}

/** Records that have lost what they belong to. */
export function orphanFindings({
  instances,
  databases,
  hosts,
  busy,
  instancesPrefix,
}: Pick<HostComparison, 'instances' | 'databases' | 'busy'> & {
  /** Ids of all that are registered. */
  readonly hosts: ReadonlySet<string>;
  /** Of the keys of all instances' records, with a slash at the end. */
  readonly instancesPrefix: string;
}): readonly Finding[] {
  return instances.flatMap(({ instance_id, database_id, host_id }): Finding[] => {
    if (busy.has(database_id)) return [];
    if (!databases.has(database_id))
      return [
        {
          severity: 'warning',
          subject: instance_id,
          message: `its record belongs to ${database_id}, and there is no such database`,
          remedy: `Remove it: \`etcdctl del ${instancesPrefix}${database_id}/${instance_id}\`.`,
        },
      ];
    if (hosts.has(host_id)) return [];
    return [
      {
        severity: 'error',
        subject: instance_id,
        message: `its host ${host_id} is not registered`,
        remedy: `Register it: \`pgctl host add ${host_id} --address …\`; or take it out of ${database_id} with \`pgctl db apply -f …\`.`,
      },
    ];
  });
}
