import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IMPORT_RULES, checkImports } from './import-rules.ts';
import { ROOT } from './source-files.ts';

/** A file that breaks a rule, and the file it imports. */
const PLANTED: { rule: string; from: string; to: string; text?: string }[] = [
  { rule: 'pure-stays-pure', from: 'plans/create.ts', to: 'src/store/kv.ts' },
  { rule: 'pure-stays-pure', from: 'src/plan/graph.ts', to: 'src/executor/run.ts' },
  { rule: 'pure-stays-pure', from: 'src/records/types.ts', to: 'src/ui/output.ts' },
  { rule: 'pure-needs-no-machine', from: 'src/steps/file.ts', to: 'node:fs/promises' },
  { rule: 'pure-needs-no-machine', from: 'src/plan/graph.ts', to: 'node:child_process' },
  { rule: 'pure-needs-no-package', from: 'src/plan/graph.ts', to: 'yaml' },
  { rule: 'resources-need-yaml-only', from: 'src/resources/unit.ts', to: 'zod' },
  { rule: 'spec-comes-first', from: 'src/spec/load.ts', to: 'src/store/kv.ts' },
  { rule: 'store-stands-alone', from: 'src/store/kv.ts', to: 'src/transport/ssh.ts' },
  { rule: 'transport-stands-alone', from: 'src/transport/ssh.ts', to: 'src/store/kv.ts' },
  { rule: 'ui-stands-alone', from: 'src/ui/output.ts', to: 'src/executor/run.ts' },
  { rule: 'executor-prints-nothing', from: 'src/executor/run.ts', to: 'src/ui/output.ts' },
  { rule: 'executor-knows-events-as-types', from: 'src/executor/run.ts', to: 'src/ui/events.ts' },
  { rule: 'core-knows-no-command', from: 'src/spec/load.ts', to: 'commands/shared/options.ts' },
  { rule: 'commands-stand-alone', from: 'commands/db/delete.ts', to: 'commands/db/get.ts' },
  { rule: 'commands-stand-alone', from: 'commands/shared/options.ts', to: 'commands/recover.ts' },
  { rule: 'leaves-import-nothing', from: 'src/errors.ts', to: 'src/json.ts' },
  { rule: 'only-store-imports-etcd3', from: 'src/executor/run.ts', to: 'etcd3' },
  { rule: 'only-transport-imports-execa', from: 'commands/local/up.ts', to: 'execa' },
  { rule: 'only-transport-starts-children', from: 'commands/local/up.ts', to: 'node:child_process' },
  { rule: 'only-ui-imports-chalk', from: 'commands/db/get.ts', to: 'chalk' },
  { rule: 'only-ui-imports-ora', from: 'src/executor/run.ts', to: 'ora' },
  { rule: 'only-ui-imports-cli-table3', from: 'bin/pgctl.ts', to: 'cli-table3' },
  {
    rule: 'only-ui-imports-chalk',
    from: 'commands/db/get.ts',
    to: 'chalk',
    text: `export const load = async () => import('chalk');`,
  },
];

/** What must stay possible, so that a rule does not forbid more than it says. */
const ALLOWED: { from: string; to: string; text?: string }[] = [
  { from: 'src/plan/graph.ts', to: 'src/errors.ts' },
  { from: 'src/resources/patroni.ts', to: 'yaml' },
  { from: 'src/resources/patroni.ts', to: 'node:crypto' },
  { from: 'src/store/kv.ts', to: 'etcd3' },
  { from: 'src/executor/run.ts', to: 'src/store/kv.ts' },
  {
    from: 'src/executor/run.ts',
    to: 'src/ui/events.ts',
    text: `import type { value } from '../ui/events.ts';\nexport type Report = typeof value;`,
  },
  { from: 'commands/db/delete.ts', to: 'commands/shared/options.ts' },
  { from: 'commands/registry.ts', to: 'commands/db/get.ts' },
  { from: 'bin/pgctl.ts', to: 'commands/db/get.ts' },
];

// The compiler is loaded and reads all files, on a machine that may be busy.
describe('imports', { timeout: 60_000 }, () => {
  test('keep to the rules', async () => {
    const folders = ['bin', 'src', 'commands', 'plans'].filter((folder) => existsSync(join(ROOT, folder)));
    const { violations, files } = await checkImports(ROOT, folders);
    expect(files).toBeGreaterThan(20);
    const why = new Map(IMPORT_RULES.map(({ name, comment }) => [name, comment]));
    expect(violations.map(({ rule, from, to }) => `${from} → ${to}: ${rule}: ${why.get(rule)}`)).toEqual([]);
  });

  test('have a rule and a reason each', () => {
    const planted = new Set(PLANTED.map(({ rule }) => rule)).add('no-circle');
    expect(
      IMPORT_RULES.map(({ name }) => name).filter((name) => name === undefined || !planted.has(name)),
    ).toEqual([]);
    expect(IMPORT_RULES.filter(({ comment }) => comment === undefined)).toEqual([]);
  });

  test.each(PLANTED)('are refused by $rule: $from → $to', async ({ rule, ...planted }) => {
    expect((await plant(planted)).map((violation) => violation.rule)).toContain(rule);
  });

  test.each(ALLOWED)('may be $from → $to', async (planted) => {
    expect(await plant(planted)).toEqual([]);
  });

  test('are refused by no-circle, over any number of files', async () => {
    const violations = await check({
      'src/plan/a.ts': `import { b } from './b.ts';\nexport const a = () => b;`,
      'src/plan/b.ts': `import { c } from './c.ts';\nexport const b = () => c;`,
      'src/plan/c.ts': `import type { a } from './a.ts';\nexport const c = (value: typeof a) => value;`,
    });
    expect(new Set(violations.map(({ rule }) => rule))).toEqual(new Set(['no-circle']));
  });
});

async function plant({ from, to, text }: { from: string; to: string; text?: string }) {
  const local = to.includes('.ts');
  const specifier = local ? `${'../'.repeat(from.split('/').length - 1)}${to}` : to;
  return check({
    [from]: text ?? `import { value } from '${specifier}';\nexport const used = value;`,
    ...(local ? { [to]: 'export const value = 1;' } : {}),
  });
}

async function check(files: Readonly<Record<string, string>>) {
  const directory = await mkdtemp(join(tmpdir(), 'pgctl-imports-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(directory, dirname(path)), { recursive: true });
      await writeFile(join(directory, path), text);
    }
    return (
      await checkImports(directory, [...new Set(Object.keys(files).map((path) => path.split('/')[0] ?? ''))])
    ).violations;
  } finally {
    await rm(directory, { recursive: true });
  }
}
