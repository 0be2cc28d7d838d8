import { type ICruiseResult, type IForbiddenRuleType, cruise } from 'dependency-cruiser';

/** Folders whose code is data in, data out. */
export const PURE = ['plans', 'src/plan', 'src/resources', 'src/steps', 'src/records'];

const pure = `^(${PURE.join('|')})/`;
/** An npm package, whether its folder was found or not. */
const npm = (name: string): string[] => [`^${name}$`, `node_modules/${name}/`];
const anyPackage = [
  'npm',
  'npm-dev',
  'npm-optional',
  'npm-peer',
  'npm-no-pkg',
  'npm-unknown',
  'unknown',
] as const;

/**
 * Who may not import whom, and why. `src/errors.ts`, `src/json.ts` and `src/secret.ts` are leaves that
 * everybody may import.
 */
export const IMPORT_RULES: IForbiddenRuleType[] = [
  {
    name: 'pure-stays-pure',
    comment: 'Plans are data in, data out: what is planned must not depend on what a host or etcd just said.',
    severity: 'error',
    from: { path: pure },
    to: { path: '^(src/(store|transport|executor|ui)|commands|bin)/' },
  },
  {
    name: 'pure-needs-no-machine',
    comment: 'Files, processes, clocks and sockets are given in; of Node only computing is left.',
    severity: 'error',
    from: { path: pure },
    to: {
      dependencyTypes: ['core'],
      pathNot: '^(node:)?(crypto|util|assert|buffer|path(/posix)?)$',
    },
  },
  {
    name: 'pure-needs-no-package',
    comment: 'The plan engine outlives its libraries. Resources write YAML for Patroni, that is all.',
    severity: 'error',
    from: { path: pure, pathNot: '^src/resources/' },
    to: { dependencyTypes: [...anyPackage] },
  },
  {
    name: 'resources-need-yaml-only',
    comment: 'Resources write YAML for Patroni; whatever else they need is given in.',
    severity: 'error',
    from: { path: '^src/resources/' },
    to: { dependencyTypes: [...anyPackage], pathNot: npm('yaml') },
  },
  {
    name: 'spec-comes-first',
    comment: 'A spec is read and judged before anything else is asked, so that bad input starts nothing.',
    severity: 'error',
    from: { path: '^src/spec/' },
    to: { path: '^(src/(store|transport|executor|ui|plan|resources)|plans|commands|bin)/' },
  },
  {
    name: 'store-stands-alone',
    comment: 'The store speaks etcd and nothing else; the executor is what brings it and the hosts together.',
    severity: 'error',
    from: { path: '^src/store/' },
    to: { path: '^(src/(transport|ui|executor)|plans|commands|bin)/' },
  },
  {
    name: 'transport-stands-alone',
    comment: 'The transport starts children and reports results; it knows no records and prints nothing.',
    severity: 'error',
    from: { path: '^src/transport/' },
    to: { path: '^(src/(store|ui|executor)|plans|commands|bin)/' },
  },
  {
    name: 'ui-stands-alone',
    comment: 'The user interface renders documents and events that it is given.',
    severity: 'error',
    from: { path: '^src/ui/' },
    to: { path: '^(src/(store|transport|executor)|plans|commands|bin)/' },
  },
  {
    name: 'executor-prints-nothing',
    comment: 'The executor reports typed events; the one file of src/ui that it knows is their types.',
    severity: 'error',
    from: { path: '^src/executor/' },
    to: { path: '^(src/ui|plans|commands|bin)/', pathNot: '^src/ui/events\\.ts$' },
  },
  {
    name: 'executor-knows-events-as-types',
    comment: 'A value from src/ui in the executor would load the user interface with it.',
    severity: 'error',
    from: { path: '^src/executor/' },
    to: { path: '^src/ui/events\\.ts$', dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'core-knows-no-command',
    comment: 'Data goes one way, from the command line inwards.',
    severity: 'error',
    from: { path: '^(src|plans)/' },
    to: { path: '^(commands|bin|test)/' },
  },
  {
    name: 'commands-stand-alone',
    comment:
      'A command loads what it needs when it runs. What commands share is in commands/shared; the list of ' +
      'them all is commands/registry.ts, which commands/main.ts parses with.',
    severity: 'error',
    from: { path: '^commands/', pathNot: '^commands/(main|registry)\\.ts$' },
    to: { path: '^(commands|bin|test)/', pathNot: '^commands/shared/' },
  },
  {
    name: 'leaves-import-nothing',
    comment: 'Everybody may import them, so they import nobody.',
    severity: 'error',
    from: { path: '^src/(errors|json|secret)\\.ts$' },
    to: { path: '^(src|plans|commands|bin|test)/' },
  },
  ...door('src/store', 'etcd3', 'Every key, codec and compare is in one place.'),
  ...door('src/transport', 'execa', 'Every child process goes through one door, so a dry run is true.'),
  {
    name: 'only-transport-starts-children',
    comment:
      'It does so without execa where it starts thousands; the door is the same. A build is none of it.',
    severity: 'error',
    from: { path: '^(src|plans|commands|bin)/', pathNot: '^(src/transport/|bin/bundle\.js$)' },
    to: { path: '^(node:)?child_process$' },
  },
  ...door('src/ui', 'chalk', 'Colour is a matter of the terminal, and off where there is none.'),
  ...door('src/ui', 'ora', 'The core reports events; how they look is the terminal’s business.'),
  ...door('src/ui', 'cli-table3', 'The core returns documents; how they look is the terminal’s business.'),
  {
    name: 'no-circle',
    comment: 'Files of a circle can only be understood, tested and loaded together.',
    severity: 'error',
    from: {},
    to: { circular: true },
  },
];

/** A package that one folder alone may import. */
function door(folder: string, name: string, comment: string): IForbiddenRuleType[] {
  return [
    {
      name: `only-${folder.replace('src/', '')}-imports-${name}`,
      comment,
      severity: 'error',
      from: { path: '^(src|plans|commands|bin)/', pathNot: `^${folder}/` },
      to: { path: npm(name) },
    },
  ];
}

export interface ImportViolation {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
}

export interface ImportCheck {
  readonly violations: readonly ImportViolation[];
  /** How many files were looked at: none found is not none wrong. */
  readonly files: number;
}

/** Holds the rules against the code below `baseDir`. */
export async function checkImports(baseDir: string, folders: readonly string[]): Promise<ImportCheck> {
  const { output } = await cruise([...folders], {
    baseDir,
    // Imports of types count too, and are told apart.
    tsPreCompilationDeps: 'specify',
    doNotFollow: { path: 'node_modules' },
    validate: true,
    ruleSet: { forbidden: IMPORT_RULES },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  });
  const { summary } = output as ICruiseResult;
  return {
    violations: summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
    files: summary.totalCruised,
  };
}
