import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { directory, directoryType, STAMP_FILE, stampOf } from '../../src/resources/directory.ts';
import type { Resource, StoredResource } from '../../src/plan/resource.ts';
import type { CheckQuestion } from '../../src/resources/type.ts';
import { STEP_EXIT } from '../../src/steps/render.ts';
import type { HostStep, ScriptStep } from '../../src/steps/step.ts';
import { ME, type Ran, runSteps } from '../steps/run-steps.ts';
import { CONTEXT } from './fixtures.ts';

// Real processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const root = mkdtempSync(join(tmpdir(), 'pgctl-directory-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const ID = { instance_id: 'shop.n1.host-1', database_uid: '3f6c1a52' };
let base = '';
let path = '';
let resource: Resource;

beforeEach(() => {
  base = join(mkdtempSync(join(root, 'x')), "the 'base' of $all");
  path = join(base, ID.instance_id);
  resource = directory('host-1', { path, owner: ME, ...ID });
});

const create = (of = resource): Ran => runSteps(directoryType.create(of, CONTEXT) as HostStep[]);
const remove = (of = resource): Ran => runSteps(directoryType.delete(of, CONTEXT) as HostStep[]);
const refresh = () => {
  const look = directoryType.refresh(resource, CONTEXT);
  return look?.read(runSteps(look.steps as HostStep[]).outputs);
};
const findings = (of = resource, question: Partial<CheckQuestion> = {}): string[] => {
  const check = directoryType.check?.(of, { previous: null, copyBytes: null, ...question }, CONTEXT);
  const outputs = runSteps((check?.steps ?? []) as HostStep[]).outputs;
  return (check?.read(outputs) ?? []).map(({ message }) => message);
};

const otherDatabase = (): Resource =>
  directory('host-1', { path, owner: ME, ...ID, database_uid: 'another' });
const modeOf = (of: string): string => (statSync(of).mode & 0o7777).toString(8);

describe('creating the directory', () => {
  it('makes it with its stamp, for its owner alone, in a base that others pass through', () => {
    expect(create().status).toBe(0);
    expect([modeOf(path), modeOf(base)]).toEqual(['700', '755']);
    expect(readFileSync(join(path, STAMP_FILE), 'utf8')).toBe(`${stampOf(ID)}\n`);
    expect(readdirSync(path).sort()).toEqual([STAMP_FILE, 'bin'].sort());
    expect(readdirSync(base)).toEqual([ID.instance_id]);
  });

  it('again leaves it and what is in it as it is', () => {
    create();
    writeFileSync(join(path, 'data'), 'rows');
    const before = statSync(path).ino;
    expect(create().status).toBe(0);
    expect([statSync(path).ino, readFileSync(join(path, 'data'), 'utf8')]).toEqual([before, 'rows']);
    expect(readdirSync(base)).toEqual([ID.instance_id]);
  });

  it('keeps the mode of a base that is there already', () => {
    mkdirSync(base, { mode: 0o711 });
    create();
    expect(modeOf(base)).toBe('711');
  });
});

/** What can stand in the place of the directory without being this instance's. */
const FOREIGN: [title: string, make: () => void][] = [
  ['an empty directory', () => mkdirSync(path, { recursive: true })],
  [
    'a directory with data and no stamp',
    () => {
      mkdirSync(join(path, 'data'), { recursive: true });
      writeFileSync(join(path, 'data', 'PG_VERSION'), '17\n');
    },
  ],
  ['a directory of another database of that name', () => void create(otherDatabase())],
  [
    'a file',
    () => {
      mkdirSync(base);
      writeFileSync(path, `${stampOf(ID)}\n`);
    },
  ],
  [
    'a symbolic link to nothing',
    () => {
      mkdirSync(base);
      symlinkSync(`${path}-gone`, path);
    },
  ],
  [
    'a symbolic link to a directory with the right stamp',
    () => {
      create();
      const elsewhere = `${path}-elsewhere`;
      runSteps([
        { kind: 'script', name: 'move', script: 'mv "$1" "$2"', args: [path, elsewhere], account: 'admin' },
      ]);
      symlinkSync(elsewhere, path);
    },
  ],
];

/** Everything under the base, to see that nothing of it changed. */
const listing = (): string[] => readdirSync(base, { recursive: true }).map(String).sort();

describe.each(FOREIGN)('%s in its place', (_title, make) => {
  it('is refused by a create and left alone', () => {
    make();
    const before = listing();
    const ran = create();
    expect([ran.status, ran.stderr]).toEqual([
      STEP_EXIT.notOurs,
      expect.stringContaining("is there already and is not this instance's"),
    ]);
    expect(listing()).toEqual(before);
  });

  it('is refused by a delete and left alone', () => {
    make();
    const before = listing();
    const ran = remove();
    expect([ran.status, ran.stderr]).toEqual([
      STEP_EXIT.notOurs,
      expect.stringContaining('it is left alone'),
    ]);
    expect(listing()).toEqual(before);
  });

  it('is not taken for it by a refresh', () => {
    make();
    expect(refresh()).toMatchObject({ kind: 'failed' });
  });

  it('is found by a check', () => {
    make();
    expect(findings()).toEqual([expect.stringContaining(`${path} is there already and is `)]);
  });
});

describe('deleting the directory', () => {
  it('removes it with everything in it, and nothing beside it', () => {
    create();
    const names = ['data', '.hidden', "it's", 'new\nline', '-rf'];
    for (const name of names) mkdirSync(join(path, name, 'deep'), { recursive: true });
    writeFileSync(join(base, 'beside'), '');
    expect(remove().status).toBe(0);
    expect(readdirSync(base)).toEqual(['beside']);
  });

  it('follows no symbolic link inside it', () => {
    create();
    const precious = join(base, 'precious');
    mkdirSync(precious);
    writeFileSync(join(precious, 'file'), '');
    symlinkSync(precious, join(path, 'link'));
    expect(remove().status).toBe(0);
    expect(existsSync(join(precious, 'file'))).toBe(true);
  });

  it('again has nothing to do', () => {
    create();
    remove();
    expect(remove()).toMatchObject({ status: 0, stderr: '' });
  });

  it.each<[title: string, command: string]>([
    ['put away an earlier one', 'rm'],
    ['renamed what is left', 'mv'],
  ])('finishes one that was killed before it %s', (_title, command) => {
    create();
    mkdirSync(join(path, 'data'));
    const [step] = directoryType.delete(resource, CONTEXT) as ScriptStep[];
    // The shell ends itself in place of its first call of the command.
    const killed = `${command}() { kill -s KILL $$; }\n${step?.script}`;
    runSteps([{ ...(step as ScriptStep), script: killed }]);
    expect(refresh()).not.toMatchObject({ kind: 'failed' });
    expect(remove().status).toBe(0);
    expect(readdirSync(base)).toEqual([]);
    expect(create().status).toBe(0);
  });
});

describe('what killed steps left', () => {
  const STAMP = `${stampOf(ID)}\n`;
  const make = (name: string, files: Readonly<Record<string, string>> = {}): void => {
    mkdirSync(join(base, name), { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(base, name, file), text);
  };
  const killed = (script: string, command: string): void => {
    const args = [path, stampOf(ID), ME, '1', 'it'];
    const step = { kind: 'script', name: 'killed', args, account: 'admin' } as const;
    runSteps([{ ...step, script: `${command}() { kill -s KILL $$; }\n${script}` }]);
  };
  const scriptOf = (steps: readonly unknown[]): string => (steps as ScriptStep[])[0]?.script ?? '';

  it.each(['sync', 'mv'])('of a create before its %s is gone after the next', (command) => {
    mkdirSync(base, { recursive: true });
    killed(scriptOf(directoryType.create(resource, CONTEXT)), command);
    expect(readdirSync(base)).toEqual(['.new.shop.n1.host-1']);
    expect(create().status).toBe(0);
    expect(readdirSync(base)).toEqual([ID.instance_id]);
  });

  it('of a check before it took its probe away is gone after the next create, wherever it was', () => {
    const check = scriptOf(
      directoryType.check?.(resource, { previous: null, copyBytes: null }, CONTEXT)?.steps ?? [],
    );
    killed(check, 'rmdir');
    mkdirSync(base, { recursive: true });
    killed(check, 'rmdir');
    const above = join(base, '..');
    expect([readdirSync(base).length, readdirSync(above).length]).toEqual([1, 2]);
    expect(create().status).toBe(0);
    expect([readdirSync(base), readdirSync(above).length]).toEqual([[ID.instance_id], 1]);
  });

  it.each<[title: string, act: () => Ran]>([
    ['create', create],
    ['delete', remove],
  ])('is removed by a %s, and nothing else is', (_title, act) => {
    const left: Record<string, Readonly<Record<string, string>>> = {
      '.new.shop.n1.host-1': { [STAMP_FILE]: STAMP },
      '.gone.shop.n1.host-1': { data: 'rows' },
      '.pgctl-probe.shop.n1.host-1.AbC123': {},
    };
    const others: typeof left = {
      '.new.shop.n1.host-11': { [STAMP_FILE]: STAMP },
      '.new.shop.n1.host-1.x': {},
      '.gone.shop.n1.host-11': {},
      '.pgctl-probe.shop.n1.host-1.AbC124': { precious: 'rows' },
      '.pgctl-probe.shop.n1.host-11.AbC123': {},
      '.new': {},
    };
    for (const [name, files] of Object.entries({ ...left, ...others })) make(name, files);
    symlinkSync(join(base, '.new'), join(base, '.pgctl-probe.shop.n1.host-1.link00'));
    const before = new Set(listing());
    expect(act().status).toBe(0);
    const gone = [...before].filter((name) => !listing().includes(name) && !name.includes('/'));
    expect(gone.sort()).toEqual(Object.keys(left).sort());
  });
});

describe('looking at the directory', () => {
  it('finds it, or finds it absent', () => {
    expect(refresh()).toEqual({ kind: 'not_found' });
    create();
    expect(refresh()).toEqual({ kind: 'found' });
  });

  it('before it is made finds nothing in the way, and leaves nothing behind', () => {
    expect(findings()).toEqual([]);
    expect(existsSync(base)).toBe(false);
  });

  it('finds that a part of its path is a file', () => {
    writeFileSync(base, '');
    expect(findings()).toEqual([`${base} is not a directory`]);
  });

  it('finds that a copy of the data has no room', () => {
    const copyBytes = 10 ** 15;
    expect(findings(resource, { copyBytes })).toEqual([
      expect.stringMatching(
        /MiB free; a copy of the primary's data \(953674317 MiB\) needs at least 1049042260 MiB$/,
      ),
    ]);
    expect(findings(resource, { copyBytes: 1 })).toEqual([]);
  });

  it('finds that there is no account to own it', () => {
    const nobodys = directory('host-1', { path, owner: 'no-such-account', ...ID });
    expect(findings(nobodys)).toEqual(['there is no account no-such-account']);
  });

  it('that is there finds nothing, and one that was lost is looked for room again', () => {
    const previous: StoredResource = { ...resource, needs_recreate: false, error: null };
    const asked = (of: StoredResource): unknown =>
      directoryType.check?.(resource, { previous: of, copyBytes: null }, CONTEXT);
    expect([asked(previous), asked({ ...previous, needs_recreate: true })]).toEqual([
      null,
      expect.objectContaining({ steps: [expect.anything()] }),
    ]);
  });

  it('finds a place that cannot be written to', () => {
    const nowhere = directory('host-1', { path: '/proc/pgctl/shop', owner: ME, ...ID });
    expect(findings(nowhere)).toContain('/proc cannot be written to (read-only, full, or no rights)');
  });
});
