import { createHash } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import * as z from 'zod';
import { verifierSecret } from '../../plans/desired-state.ts';
import { PgctlError } from '../../src/errors.ts';
import type { Intention, View } from '../../src/executor/intention.ts';
import type { OperationRequest } from '../../src/executor/request.ts';
import { canonicalJson, type Json } from '../../src/json.ts';
import { resourceKey } from '../../src/plan/resource.ts';
import type { PlanDocument } from '../../src/plan/summary.ts';
import { invalidSpec } from '../../src/spec/issue.ts';
import { readSpec } from '../../src/spec/read.ts';
import type { StoredSpec } from '../../src/spec/types.ts';
import type { App } from './app.ts';
import type { GivenSpec } from './spec-input.ts';
import { specOperation } from './spec-operation.ts';

/** A plan in a file: what was wanted, what it was made against, and what was shown. Holds no secret. */
interface SavedPlan {
  readonly format: typeof FORMAT;
  readonly version: 1;
  readonly made_at: string;
  readonly store_id: string;
  readonly prefix: string;
  readonly spec: StoredSpec;
  /** Mod revision of every record, by what it is of; null for a database that is not there. */
  readonly made_against: Readonly<Record<string, string | null>>;
  /** What is chosen for instances and does not show in the plan. */
  readonly places: readonly Place[];
  readonly plan: PlanDocument;
  /** Of all the rest. It tells a file that was changed by accident, and is no signature. */
  readonly digest: string;
}

interface Place {
  readonly instance_id: string;
  readonly port: number;
  readonly patroni_port: number;
}

/** Says what the file is; it is no document that is printed. */
const FORMAT = 'pgctl-plan';
const VERSION = 1;
/** More than this is no plan. */
const MAX_BYTES = 64 * 1024 * 1024;

const savedSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.number(),
  made_at: z.string(),
  store_id: z.string(),
  prefix: z.string(),
  spec: z.looseObject({ id: z.string() }),
  made_against: z.record(z.string(), z.string().nullable()),
  places: z.array(z.strictObject({ instance_id: z.string(), port: z.number(), patroni_port: z.number() })),
  plan: z.looseObject({ kind: z.literal('Plan'), operation: z.string(), plans: z.array(z.unknown()) }),
  digest: z.string(),
});

/** A rehearsal whose plan can be kept, and how to keep it. */
export function savable(
  app: App,
  given: GivenSpec,
  request: OperationRequest,
): {
  readonly request: OperationRequest;
  readonly save: (file: string, plan: PlanDocument) => Promise<string>;
} {
  let seen: Pick<SavedPlan, 'made_against' | 'places'> | null = null;
  return {
    request: {
      ...request,
      async decide(view, tools) {
        const intention = await request.decide(view, { ...tools, portsInDoubt: true });
        refusePasswords(given, intention);
        seen = { made_against: recordsOf(view), places: placesOf(intention) };
        return intention;
      },
    },
    async save(file, plan) {
      const store = await app.store();
      const meta = await store.meta();
      if (seen === null || meta === null) throw new Error('a plan is saved that was never made');
      const saved: Omit<SavedPlan, 'digest'> = {
        format: FORMAT,
        version: VERSION,
        made_at: app.now(),
        store_id: meta.store_id,
        prefix: store.prefix,
        spec: given.stored,
        ...seen,
        plan,
      };
      await writePrivately(file, `${JSON.stringify({ ...saved, digest: digestOf(saved) }, null, 2)}\n`);
      return file;
    },
  };
}

/**
 * The operation that a saved plan stands for: it does exactly what was planned, or refuses (exit 4).
 *
 * @throws PgctlError `usage` for a file that is no plan, was changed, or was made for another etcd
 */
export async function readSavedPlan(app: App, file: string): Promise<OperationRequest> {
  const saved = await readSaved(file);
  const store = await app.store();
  const meta = await store.meta();
  if (meta?.store_id !== saved.store_id || store.prefix !== saved.prefix) {
    throw new PgctlError('usage', `the plan in ${file} was made for another etcd, or another --prefix`, {
      hint: 'Apply it where it was made, or make a new one here.',
    });
  }
  const read = readSpec({ text: Buffer.from(JSON.stringify(saved.spec)), file });
  if (!read.ok) throw invalidSpec(file, read.issues);
  const operation = specOperation({ ...read, stored: saved.spec }, { mode: 'apply' });
  return {
    ...operation,
    async decide(view, tools) {
      assertUnchanged(saved, view);
      // The ports are those that were chosen after asking, where it was asked.
      const intention = await operation.decide(view, { ...tools, portsInDoubt: true });
      if (JSON.stringify(placesOf(intention)) !== JSON.stringify(saved.places)) {
        throw stale(saved, 'the ports that it chose are not free any more', []);
      }
      return intention;
    },
    approve: (plan) => assertSame(saved, plan),
  };
}

async function readSaved(file: string): Promise<SavedPlan> {
  const text = await readFile(file).catch((cause: unknown) => {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new PgctlError(
      'usage',
      `there is no saved plan ${file}, nor can a database be called so (${code})`,
      {
        cause,
        hint: '`pgctl db plan -f spec.yaml --out plan.json` makes one.',
      },
    );
  });
  const given = text.length > MAX_BYTES ? null : parseJson(text.toString('utf8'));
  const parsed = savedSchema.safeParse(given);
  if (!parsed.success) {
    throw new PgctlError('usage', `${file} is not a saved plan`, {
      hint: 'A spec is given with -f; `pgctl db plan -f spec.yaml --out plan.json` makes a plan.',
    });
  }
  if (parsed.data.version !== VERSION) {
    throw new PgctlError('usage', `the plan in ${file} is of another version of pgctl`, {
      hint: 'Make a new one with this pgctl.',
    });
  }
  // As it was read: what the schema makes of it has its keys in another order.
  const saved = given as SavedPlan;
  const { digest, ...rest } = saved;
  if (digest !== digestOf(rest)) {
    throw new PgctlError('usage', `the plan in ${file} was changed after it was saved`, {
      hint: 'Change the spec and make a new plan.',
    });
  }
  return saved;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const digestOf = (saved: Omit<SavedPlan, 'digest'>): string =>
  createHash('sha256')
    .update(canonicalJson(saved as unknown as Json))
    .digest('hex');

/** Beside it and renamed: whoever reads it gets all of it, and nobody else gets to read it. */
async function writePrivately(file: string, text: string): Promise<void> {
  const beside = `${file}.${process.pid}.new`;
  try {
    const handle = await open(beside, 'wx', 0o600);
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (cause) {
    await rm(beside, { force: true });
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new PgctlError('usage', `the plan cannot be saved in ${file} (${code})`, { cause });
  }
}

/** A password that is set already need not be in the file; one that is new would have to be. */
function refusePasswords({ spec }: GivenSpec, { secrets }: Intention): void {
  const users = spec.database_users
    .filter(({ username, password }) => password !== undefined && secrets.has(verifierSecret(username)))
    .map(({ username }) => username);
  if (users.length === 0) return;
  throw new PgctlError(
    'usage',
    `a saved plan holds no secrets, and the spec sets a password for ${users.join(', ')}`,
    {
      hint: 'Leave the password out and plan again; `pgctl db apply -f` with the password sets it afterwards.',
    },
  );
}

function recordsOf({ snapshot }: View): Record<string, string | null> {
  return {
    [`database ${snapshot.databaseId}`]: snapshot.database?.modRevision ?? null,
    ...Object.fromEntries(
      snapshot.instances.map(({ value, modRevision }) => [`instance ${value.instance_id}`, modRevision]),
    ),
    ...Object.fromEntries(
      snapshot.resources.map(({ value, modRevision }) => [`resource ${resourceKey(value)}`, modRevision]),
    ),
  };
}

function placesOf({ instances }: Intention): Place[] {
  return instances.map(({ instance_id, port, patroni_port }) => ({ instance_id, port, patroni_port }));
}

function assertUnchanged(saved: SavedPlan, view: View): void {
  const [before, now] = [saved.made_against, recordsOf(view)];
  const database = `database ${view.snapshot.databaseId}`;
  // All the others came with it.
  if (before[database] === null && now[database] !== null)
    throw stale(saved, 'what it was made against has changed', [`${database} was made since`]);
  const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .filter((name) => (before[name] ?? null) !== (now[name] ?? null))
    .map((name) => {
      if ((before[name] ?? null) === null) return `${name} was made since`;
      return (now[name] ?? null) === null ? `${name} is gone` : `${name} has changed`;
    });
  if (changed.length > 0) throw stale(saved, 'what it was made against has changed', changed);
}

/** The records are the same, but a host or Patroni may have changed all the same. */
function assertSame(saved: SavedPlan, now: PlanDocument): void {
  const plan = { ...now, operation: saved.plan.operation };
  if (JSON.stringify(plan) === JSON.stringify(saved.plan)) return;
  const lines = (of: PlanDocument): string[] =>
    of.plans
      .flat(2)
      .map(({ type, reason, resource }) => `${type} ${resource.type}/${resource.id} (${reason})`);
  const [before, after] = [lines(saved.plan), lines(plan)];
  throw stale(saved, 'the hosts or their primary have changed, and it would be another one now', [
    ...before.filter((line) => !after.includes(line)).map((line) => `no longer: ${line}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `now: ${line}`),
  ]);
}

function stale(saved: SavedPlan, why: string, details: readonly string[]): PgctlError {
  return new PgctlError('stale', `the plan of ${saved.made_at} is not carried out: ${why}`, {
    details,
    hint: 'Nothing was changed. Make a new plan and look at it.',
  });
}
