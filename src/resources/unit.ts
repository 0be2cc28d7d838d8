import type { Resource, ResourceKey } from '../plan/resource.ts';
import { quoteUnitWord } from '../steps/quote.ts';
import { STEP_EXIT } from '../steps/render.ts';
import type { ScriptStep } from '../steps/step.ts';
import { ABANDON_POSTMASTER, FIND_POSTMASTER, STOP_POSTMASTER } from './postmaster.ts';
import { attributesOf, buildResource, type Found, type ResourceType } from './type.ts';
import { findingsOf } from './directory.ts';

export interface UnitAttributes {
  readonly instance_id: string;
  readonly database_uid: string;
  /** The instance's directory. */
  readonly dir: string;
  readonly user: string;
  readonly patroni: string;
  readonly config_file: string;
}

/** What says which unit it is and whose. */
type StampedUnit = Pick<UnitAttributes, 'instance_id' | 'database_uid' | 'dir'>;

export const unitName = (instanceId: string): string => `pgctl-${instanceId}.service`;
const unitPath = (instanceId: string): string => `/etc/systemd/system/${unitName(instanceId)}`;

/** Begins the line that says whose a unit is; without it the file is left alone. */
export const UNIT_STAMP = '# pgctl:';
const stampLine = (a: StampedUnit): string => `${UNIT_STAMP} ${a.instance_id} ${a.database_uid}`;

/**
 * KillMode=process, as Debian's own Patroni unit has it: a Patroni that crashes leaves Postgres serving and
 * is started again beside it, instead of taking the database down. What stops an instance for good therefore
 * looks for the postmaster itself, see STOP_POSTMASTER.
 */
export function unitFile(a: UnitAttributes): string {
  const command = [a.patroni, a.config_file].map(quoteUnitWord).join(' ');
  return `${stampLine(a)}
[Unit]
Description=PostgreSQL instance ${a.instance_id} under Patroni, made by pgctl
After=network-online.target
Wants=network-online.target

[Service]
Type=simple
User=${a.user}
WorkingDirectory=${a.dir.replaceAll('%', '%%')}
ExecCondition=${quoteUnitWord(`${a.dir}/bin/prepare`)} start
ExecStart=${command}
ExecReload=/bin/kill -s HUP $MAINPID
KillMode=process
TimeoutStartSec=infinity
TimeoutStopSec=300
Restart=on-failure
RestartSec=3
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`;
}

const CHECK_OURS = `
if [ -e "$unit" ] && ! grep -qxF -- "$stamp" "$unit"; then
  echo "$unit is there already and is not this instance's; it is left alone" >&2
  exit ${STEP_EXIT.notOurs}
fi
`;

const INSTALL = `
unit=$1 stamp=$2 name=$3
${CHECK_OURS}
cat > "$unit.pgctl-new"
if [ -e "$unit" ]; then known=yes; else known=; fi
mv -f -T "$unit.pgctl-new" "$unit"
# systemd reads a new one when it is asked for it, and remembers only what it has read.
if [ -n "$known" ]; then systemctl daemon-reload; fi
`;

/** @param first what is done before it is stopped in order */
const remove = (first: string): string => `
unit=$1 stamp=$2 name=$3 dir=$4
${CHECK_OURS}
${first}if [ -e "$unit" ]; then
  systemctl stop "$name"
fi
${STOP_POSTMASTER}
if [ -e "$unit" ]; then
  systemctl --quiet disable "$name" 2>/dev/null || :
  rm -f "$unit"
  systemctl daemon-reload
fi
# Of an installation that was cut short, which may be all that there is.
rm -f "$unit.pgctl-new"
systemctl --quiet reset-failed "$name" 2>/dev/null || :
`;

// A Patroni that is ended like this leaves its postmaster, and is not started again once its unit is stopped. Only
// where Postgres serves: an initdb or a copy that is under way is a child of Patroni's, which ends it when told to.
const ABANDON = `${FIND_POSTMASTER}if [ -e "$unit" ] && pgctl_postmaster; then
  systemctl kill --kill-who=main --signal=KILL "$name" 2>/dev/null || :
  systemctl stop "$name"
  ${ABANDON_POSTMASTER}
fi
`;

const REFRESH = `
if [ ! -e "$1" ]; then echo absent; elif grep -qxF -- "$2" "$1"; then echo ours; else echo foreign; fi
`;

const CHECK = `
if { [ -e "$1" ] || [ -L "$1" ]; } && ! grep -qxF -- "$2" "$1" 2>/dev/null; then
  echo "$1 is there already and is not this instance's"
fi
for dir in /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system; do
  if [ -e "$dir/$3" ] || [ -L "$dir/$3" ]; then echo "$dir/$3 is there already: a unit of that name is somebody else's"; fi
done
if [ ! -d /run/systemd/system ]; then echo "systemd is not running there"; fi
`;

const step = (name: string, script: string, a: StampedUnit, stdin?: string): ScriptStep => ({
  kind: 'script',
  name: `${name} ${unitName(a.instance_id)}`,
  script,
  args: [unitPath(a.instance_id), stampLine(a), unitName(a.instance_id), a.dir],
  account: 'admin',
  ...(stdin === undefined ? {} : { stdin }),
});

/** Stops an instance and removes its unit; one without its stamp is left alone. */
export const removeUnitStep = (a: StampedUnit): ScriptStep => step('stop and remove', remove(''), a);

/** The same for one that nobody needs any more: it is ended at once. */
const abandonUnitStep = (a: StampedUnit): ScriptStep => step('stop and remove', remove(ABANDON), a);

/**
 * The systemd unit that runs Patroni. Making it neither starts nor enables it: the instance does, where it is to
 * run. Deleting it stops it.
 */
export const unitType: ResourceType = {
  type: 'unit',
  version: 1,
  verbs: { create: 'install unit', update: 'install unit', delete: 'stop and remove unit' },
  brief: ['create', 'update'],
  refresh(resource) {
    const a = attributesOf<UnitAttributes>(resource);
    return {
      steps: [step('look at', REFRESH, a)],
      read: ([output]): Found => {
        const said = output?.stdout.trim();
        if (said === 'ours') return { kind: 'found' };
        if (said === 'absent') return { kind: 'not_found' };
        return { kind: 'failed', error: `${unitPath(a.instance_id)} is not this instance's` };
      },
    };
  },
  create: (resource) => install(resource),
  update: (resource) => install(resource),
  delete(resource, context) {
    const a = attributesOf<UnitAttributes>(resource);
    return [context.nodeLeaves() ? abandonUnitStep(a) : removeUnitStep(a)];
  },
  check: (resource, { previous }) =>
    previous === null
      ? {
          steps: [step('check', CHECK, attributesOf<UnitAttributes>(resource))],
          read: findingsOf,
        }
      : null,
};

function install(resource: Resource): ScriptStep[] {
  const a = attributesOf<UnitAttributes>(resource);
  return [step('install', INSTALL, a, unitFile(a))];
}

export function unit(host: string, attributes: UnitAttributes, after: readonly ResourceKey[]): Resource {
  return buildResource(unitType, {
    id: attributes.instance_id,
    executor: { kind: 'host', host },
    attributes,
    after,
  });
}
