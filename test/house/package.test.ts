import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiledDir } from '../../bin/compiled.ts';
import { ROOT } from './source-files.ts';

interface Locked {
  readonly dev?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
}

const text = (name: string): string => readFileSync(join(ROOT, name), 'utf8');
const read = <T>(name: string): T => JSON.parse(text(name)) as T;
const { version } = read<{ version: string }>('package.json');

let dir: string;
let packed: readonly string[];

/** Puts what pgctl depends on where npm would, so that it has nothing to fetch. What only tests need stays away. */
function putDependencies(to: string): void {
  const { packages } = read<{ packages: Readonly<Record<string, Locked>> }>('package-lock.json');
  const bins = join(to, 'node_modules/.bin');
  mkdirSync(bins, { recursive: true });
  for (const [path, { dev, bin = {} }] of Object.entries(packages)) {
    // One that is within another comes with it.
    if (dev === true || path.split('node_modules/').length !== 2) continue;
    cpSync(join(ROOT, path), join(to, path), { recursive: true });
    for (const [name, file] of Object.entries(bin))
      symlinkSync(join('..', path.replace('node_modules/', ''), file), join(bins, name));
  }
}

/** As somebody who has nothing but the package runs it. */
const pgctl = (args: readonly string[], input = '', more: Readonly<Record<string, string>> = {}) =>
  execa(join(dir, 'node_modules/.bin/pgctl'), args, {
    env: { PATH: process.env.PATH ?? '', HOME: dir, ...more },
    extendEnv: false,
    cwd: dir,
    input,
    reject: false,
  });

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'pgctl-package-'));
  // Of what is built: scripts would build it again, under the tests that run it.
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', dir];
  const { stdout } = await execa('npm', pack, { cwd: ROOT });
  const [made] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  packed = made?.files.map(({ path }) => path) ?? [];
  putDependencies(dir);
  const install = ['install', '--offline', '--cache', join(dir, 'cache'), '--no-audit', '--no-fund'];
  await execa('npm', [...install, `./${made?.filename ?? ''}`], { cwd: dir });
}, 60_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('the package', () => {
  it('holds the program as it is built, the README, and nothing else', () => {
    const built = /^dist\/(lib\/[\w-]+\.js|compiled\/v[\w.-]+\/[\w-]+\.js\.bin|proto\/\w+\.proto)$/;
    expect(packed.filter((path) => !built.test(path)).sort()).toEqual([
      ...['README.md', 'dist/bin/pgctl.js', 'dist/package.json', 'package.json'],
    ]);
  });

  it('runs where nothing else of pgctl is', async () => {
    const [said, help, shells, spec, lost] = await Promise.all([
      pgctl(['--version']),
      pgctl(['--help']),
      // All commands are loaded for it.
      pgctl(['completion', 'bash']),
      pgctl(['spec', 'init']),
      pgctl(['db', 'list', '--endpoints', 'http://127.0.0.1:1', '-o', 'json']),
    ]);
    expect(said).toMatchObject({ exitCode: 0, stdout: version, stderr: '' });
    expect(help).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Usage: pgctl') as string });
    expect([shells.exitCode, shells.stderr]).toEqual([0, '']);
    expect([lost.exitCode, JSON.parse(lost.stdout)]).toMatchObject([7, { code: 'etcd_unreachable' }]);
    expect(await pgctl(['spec', 'validate', '-'], spec.stdout)).toMatchObject({ exitCode: 0 });
  });

  it('has what Node has built in, and colours, wherever they are first used', async () => {
    const ca = join(dir, 'ca.crt');
    writeFileSync(ca, rootCertificates[0] ?? '');
    const away = ['db', 'list', '--endpoints', 'https://127.0.0.1:1', '--cacert', ca];
    const [json, colored, topic] = await Promise.all([
      pgctl([...away, '-o', 'json', '--events', join(dir, 'events.jsonl')]),
      pgctl([...away, '--color', 'always']),
      pgctl(['help', 'spec']),
    ]);
    expect([json.exitCode, JSON.parse(json.stdout)]).toMatchObject([7, { code: 'etcd_unreachable' }]);
    expect(readFileSync(join(dir, 'events.jsonl'), 'utf8')).toContain('etcd_unreachable');
    expect(colored).toMatchObject({ exitCode: 7, stderr: expect.stringContaining('\u001b[31m') as string });
    expect([topic.exitCode, topic.stderr]).toEqual([0, '']);
  });

  it('takes what V8 compiled of it', async () => {
    const counting = join(dir, 'counting.cjs');
    writeFileSync(
      counting,
      `const vm = require('vm'), taken = [];
       vm.Script = class extends vm.Script {
         constructor(source, given) {
           super(source, given);
           if (given.cachedData) taken.push(!this.cachedDataRejected);
         }
       };
       process.on('exit', () => require('fs').writeFileSync(process.env.TAKEN, JSON.stringify(taken)));`,
    );
    const TAKEN = join(dir, 'taken.json');
    const more = { NODE_OPTIONS: `--require=${counting}`, TAKEN };
    expect(await pgctl(['help', 'spec'], '', more)).toMatchObject({ exitCode: 0, stderr: '' });
    const taken = JSON.parse(readFileSync(TAKEN, 'utf8')) as boolean[];
    expect([taken.length > 2, new Set(taken)]).toEqual([true, new Set([true])]);
  });

  it('has Node load what it has built in by the one way that such a script knows', () => {
    expect(packed.filter((path) => path.endsWith('.js') && text(path).includes('import('))).toEqual([]);
  });

  it('does without it where it is cut short, or made by another Node', async () => {
    const dist = join(dir, 'node_modules/pgctl/dist');
    const compiled = compiledDir(dist);
    for (const name of readdirSync(compiled)) truncateSync(join(compiled, name), 1_000);
    expect(await pgctl(['help', 'spec'])).toMatchObject({ exitCode: 0, stderr: '' });
    for (const name of readdirSync(compiled)) writeFileSync(join(compiled, name), 'of something else');
    expect(await pgctl(['help', 'spec'])).toMatchObject({ exitCode: 0, stderr: '' });
    renameSync(compiled, join(dist, 'compiled/v1.0.0-x64-1.0'));
    expect(await pgctl(['help', 'spec'])).toMatchObject({ exitCode: 0, stderr: '' });
  });
});
