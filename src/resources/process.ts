import type { Resource, ResourceKey } from '../plan/resource.ts';
import type { ScriptStep } from '../steps/step.ts';
import { ABANDON_POSTMASTER, FIND_POSTMASTER, STOP_POSTMASTER } from './postmaster.ts';
import { attributesOf, buildResource, type Found, type ResourceType } from './type.ts';

export interface ProcessAttributes {
  readonly instance_id: string;
  readonly dir: string;
  readonly patroni: string;
  readonly config_file: string;
}

/**
 * Finds the Patroni process of an instance: the pid file's, if that process was started with this instance's
 * configuration. Sets `$pid`.
 */
export const FIND_PATRONI = `
pgctl_patroni() {
  pid=$(cat "$dir/patroni.pid" 2>/dev/null) || return 1
  case $pid in ''|*[!0-9]*) return 1 ;; esac
  tr '\\0' '\\n' 2>/dev/null < "/proc/$pid/cmdline" | grep -qxF -- "$dir/patroni.yml"
}
`;

/** Starts Patroni in a session of its own, where it does not run already. */
export const START_PROCESS = `
dir=$1
${FIND_PATRONI}
if ! pgctl_patroni; then
  "$dir/bin/prepare" guard
  "$dir/bin/prepare" clean
  cd "$dir"
  unset PGCTL_SAYS
  setsid "$dir/bin/run" > /dev/null 2>&1 < /dev/null &
  n=0
  until pgctl_patroni; do
    n=$((n + 1)); if [ $n -gt 100 ]; then echo "Patroni did not start; see $dir/patroni.log" >&2; exit 1; fi
    sleep 0.05
  done
fi
`;

/** Ends Patroni, which stops Postgres, and then whatever postmaster is left. */
export const STOP_PROCESS = `
${FIND_PATRONI}
if pgctl_patroni; then
  kill -s TERM "$pid"
  n=0; while [ $n -lt 600 ] && pgctl_patroni; do sleep 0.1; n=$((n + 1)); done
  if pgctl_patroni; then kill -s KILL "$pid"; fi
fi
${STOP_POSTMASTER}
rm -f "$dir/patroni.pid"
`;

/** @param first what is done before it is stopped in order */
const remove = (first: string): string => `
dir=$1
[ -d "$dir" ] || exit 0
${first}${STOP_PROCESS}
rm -f "$dir/bin/run"
`;

// For one that nobody needs any more, where Postgres serves: an initdb or a copy is ended by Patroni.
const ABANDON = `${FIND_POSTMASTER}${FIND_PATRONI}if pgctl_postmaster && pgctl_patroni; then
  kill -s KILL "$pid"
  ${ABANDON_POSTMASTER}
fi
`;

// The file holds its own pid: exec keeps it.
const RUN = `#!/bin/sh
cd "$(dirname "$0")/.." || exit 1
umask 077
echo $$ > patroni.pid
exec "$(cat bin/patroni-path)" "$PWD/patroni.yml" >> patroni.log 2>&1
`;

const INSTALL = `
dir=$1
printf '%s\\n' "$2" > "$dir/bin/patroni-path"
cat > "$dir/bin/run.new"
chmod 0700 "$dir/bin/run.new"
mv -f -T "$dir/bin/run.new" "$dir/bin/run"
`;

function step(name: string, script: string, resource: Resource, stdin = ''): ScriptStep {
  const a = attributesOf<ProcessAttributes>(resource);
  return {
    kind: 'script',
    name: `${name} of ${a.instance_id}`,
    script,
    args: [a.dir, a.patroni],
    stdin,
    account: 'postgres',
  };
}

/** On a host without systemd, what the unit is elsewhere: the means to run Patroni in a session of its own. */
export const processType: ResourceType = {
  type: 'process',
  version: 1,
  verbs: { create: 'install start script', update: 'install start script', delete: 'stop process' },
  refresh: (resource) => ({
    steps: [
      step(
        'look at the start script',
        'if [ -e "$1/bin/run" ]; then echo ours; else echo absent; fi',
        resource,
      ),
    ],
    read: ([output]): Found => ({ kind: output?.stdout.trim() === 'ours' ? 'found' : 'not_found' }),
  }),
  create: (resource) => [step('install the start script', INSTALL, resource, RUN)],
  update: (resource) => [step('install the start script', INSTALL, resource, RUN)],
  delete: (resource, context) => [
    step('stop the process', remove(context.nodeLeaves() ? ABANDON : ''), resource),
  ],
};

export function process(
  host: string,
  attributes: ProcessAttributes,
  after: readonly ResourceKey[],
): Resource {
  return buildResource(processType, {
    id: attributes.instance_id,
    executor: { kind: 'host', host },
    attributes,
    after,
  });
}

/** Starts an instance's Patroni outside of a plan: what booting does on a host that has systemd. */
export const startProcessStep = (instanceId: string, dir: string): ScriptStep => ({
  kind: 'script',
  name: `start Patroni of ${instanceId}`,
  script: `[ -x "$1/bin/run" ] || exit 0\n${START_PROCESS}`,
  args: [dir],
  account: 'postgres',
});

/** Stops it, as shutting down does. Data and configuration stay. */
export const stopProcessStep = (instanceId: string, dir: string): ScriptStep => ({
  kind: 'script',
  name: `stop Patroni of ${instanceId}`,
  script: `dir=$1\n[ -d "$dir" ] || exit 0\n${STOP_PROCESS}`,
  args: [dir],
  account: 'postgres',
});
