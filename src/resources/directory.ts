import type { Resource } from '../plan/resource.ts';
import { STEP_EXIT } from '../steps/render.ts';
import type { ScriptStep, StepOutput } from '../steps/step.ts';
import {
  attributesOf,
  buildResource,
  type CheckFinding,
  type CheckQuestion,
  type Found,
  type ResourceType,
} from './type.ts';

export interface DirectoryAttributes {
  /** Of the instance's directory; its parent is the host's base directory. */
  readonly path: string;
  /** The account that owns the data. */
  readonly owner: string;
  readonly instance_id: string;
  readonly database_uid: string;
}

/** The file that says whose a directory is, and its one line. */
export const STAMP_FILE = '.pgctl-instance';
export const stampOf = (a: Pick<DirectoryAttributes, 'instance_id' | 'database_uid'>): string =>
  `${a.instance_id} ${a.database_uid}`;

/** Free space without which a create is not begun: a new cluster with its first WAL and some room. */
const MIN_FREE_BYTES = 512 * 1024 * 1024;

/** What a copy needs on top of its own size: WAL that comes meanwhile, and room to go on. */
const COPY_HEADROOM = 0.1;

/**
 * Whether something is at `$path`, and whether that is the directory with this stamp. A symbolic link is not,
 * wherever it leads: removing through it would remove what is elsewhere.
 */
const LOOK = `
pgctl_there() { [ -e "$path" ] || [ -L "$path" ]; }
pgctl_ours() { [ ! -L "$path" ] && [ "$(cat "$path/${STAMP_FILE}" 2>/dev/null)" = "$stamp" ]; }
`;

/**
 * Removes what steps for this very instance left when they were killed: a directory that was never renamed into
 * place, one that was on its way out, and the probe of a check, in the base directory or, before there was one,
 * above it. They are known by names that only this instance's have.
 */
const SWEEP = `
base=\${path%/*} name=\${path##*/}
new=$base/.new.$name gone=$base/.gone.$name
pgctl_sweep() {
  for left in "$new" "$gone"; do
    if [ -e "$left" ] || [ -L "$left" ]; then rm -rf --one-file-system "$left"; fi
  done
  near=$base
  while :; do
    for probe in "$near/.pgctl-probe.$name."??????; do
      if [ -d "$probe" ] && [ ! -L "$probe" ]; then rmdir "$probe" 2>/dev/null || :; fi
    done
    [ -n "$near" ] || break
    near=\${near%/*}
  done
}
`;

// A directory is pgctl's only with this stamp in it. It is made beside and renamed, so it never lacks one.
const CREATE = `
path=$1 stamp=$2 owner=$3
${LOOK}
${SWEEP}
pgctl_sweep
if pgctl_there; then
  if pgctl_ours; then exit 0; fi
  echo "$path is there already and is not this instance's (no stamp of $stamp in it)" >&2
  exit ${STEP_EXIT.notOurs}
fi
[ -d "$base" ] || install -d -m 0755 "$base"
trap 'rm -rf "$new"' EXIT
mkdir -m 0700 "$new" "$new/bin"
printf '%s\\n' "$stamp" > "$new/${STAMP_FILE}"
if [ "$(id -u)" = 0 ]; then chown -R "$owner:" "$new"; fi
sync "$new/${STAMP_FILE}"
mv -T "$new" "$path"
trap - EXIT
`;

const REFRESH = `
path=$1 stamp=$2
${LOOK}
if ! pgctl_there; then echo absent; elif pgctl_ours; then echo ours; else echo foreign; fi
`;

// Cut short anywhere, it can be finished: the stamp stays until the directory has a name that nobody looks at.
const DELETE = `
path=$1 stamp=$2
${LOOK}
${SWEEP}
pgctl_sweep
if pgctl_there; then
  if ! pgctl_ours; then
    echo "$path is not this instance's (no stamp of $stamp in it); it is left alone" >&2
    exit ${STEP_EXIT.notOurs}
  fi
  find "$path" -xdev -mindepth 1 -maxdepth 1 ! -name ${STAMP_FILE} -exec rm -rf --one-file-system {} +
  mv -T "$path" "$gone"
  rm -rf --one-file-system "$gone"
fi
`;

const CHECK = `
path=$1 stamp=$2 owner=$3 wanted=$4 what=$5
${LOOK}
if pgctl_there && ! pgctl_ours; then
  if [ -L "$path" ]; then is='a symbolic link'
  elif [ -d "$path" ] && [ -z "$(ls -A "$path")" ]; then is='an empty directory that pgctl did not make'
  else is='not what pgctl made'; fi
  echo "$path is there already and is $is: move it away"
fi
near=\${path%/*}
while [ ! -d "\${near:=/}" ]; do
  if [ -e "$near" ]; then echo "$near is not a directory"; exit 0; fi
  near=\${near%/*}
done
probe=$(mktemp -d "$near/.pgctl-probe.\${path##*/}.XXXXXX" 2>/dev/null) && rmdir "$probe" ||
  echo "$near cannot be written to (read-only, full, or no rights)"
if ! id -u -- "$owner" >/dev/null 2>&1; then echo "there is no account $owner"
elif [ "$(id -u)" = 0 ] && ! runuser -u "$owner" -- test -x "$near"; then
  echo "$near cannot be entered by $owner"
fi
free=$(df -PB1 "$near" | awk 'NR == 2 { print $4 }')
if [ "$free" -lt "$wanted" ]; then
  echo "$near has $((free / 1048576)) MiB free; $what needs at least $((wanted / 1048576)) MiB"
fi
`;

/** What the directory is to have room for: how much, and in words. */
function roomFor({ copyBytes }: CheckQuestion): [bytes: string, what: string] {
  if (copyBytes === null) return [String(MIN_FREE_BYTES), 'a new instance'];
  const bytes = Math.ceil(copyBytes * (1 + COPY_HEADROOM)) + MIN_FREE_BYTES;
  return [String(bytes), `a copy of the primary's data (${Math.ceil(copyBytes / 1024 ** 2)} MiB)`];
}

/** What says which directory it is and whose. */
type StampedDirectory = Omit<DirectoryAttributes, 'owner'>;

const step = (name: string, script: string, a: StampedDirectory, ...more: string[]): ScriptStep => ({
  kind: 'script',
  name: `${name} ${a.path}`,
  script,
  args: [a.path, stampOf(a), ...more],
  account: 'admin',
});

/** Removes an instance's directory with its data; one without its stamp is left alone. */
export const removeDirectoryStep = (a: StampedDirectory): ScriptStep => step('remove', DELETE, a);

const FOUND: Readonly<Record<string, Found['kind']>> = { absent: 'not_found', ours: 'found' };

/** The instance's directory, 0700 and owned by postgres, with the stamp that says it is pgctl's. */
export const directoryType: ResourceType = {
  type: 'directory',
  version: 1,
  verbs: { create: 'make directory', update: 'make directory', delete: 'remove directory and data' },
  brief: ['create', 'update'],
  cost: ({ type }) => (type === 'delete' ? { kind: 'copy' } : null),
  refresh(resource) {
    const a = attributesOf<DirectoryAttributes>(resource);
    return {
      steps: [step('look at', REFRESH, a)],
      read: ([output]): Found => {
        const kind = FOUND[output?.stdout.trim() ?? ''];
        return kind === 'found' || kind === 'not_found'
          ? { kind }
          : { kind: 'failed', error: `${a.path} is not this instance's: its stamp is another's or missing` };
      },
    };
  },
  create: (resource) => {
    const a = attributesOf<DirectoryAttributes>(resource);
    return [step('make', CREATE, a, a.owner)];
  },
  update: (resource) => {
    const a = attributesOf<DirectoryAttributes>(resource);
    return [step('make', CREATE, a, a.owner)];
  },
  delete: (resource) => [removeDirectoryStep(attributesOf<DirectoryAttributes>(resource))],
  check(resource, question) {
    // One that is there needs no more room.
    if (question.previous?.needs_recreate === false) return null;
    const a = attributesOf<DirectoryAttributes>(resource);
    return {
      steps: [step('check', CHECK, a, a.owner, ...roomFor(question))],
      read: findingsOf,
    };
  },
};

/** What a check's only step printed, a finding a line. */
export const findingsOf = ([output]: readonly StepOutput[]): CheckFinding[] =>
  linesOf(output?.stdout).map((message) => ({ message }));

/** The lines of a check's output that say something. */
export function linesOf(stdout: string | undefined): string[] {
  return (stdout ?? '').split('\n').filter((line) => line.trim() !== '');
}

export function directory(host: string, attributes: DirectoryAttributes): Resource {
  return buildResource(directoryType, {
    id: attributes.instance_id,
    executor: { kind: 'host', host },
    attributes,
  });
}
