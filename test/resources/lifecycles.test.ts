import { spawnSync } from 'node:child_process';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import type { Resource } from '../../src/plan/resource.ts';
import { MIGRATIONS, typeOf } from '../../src/resources/registry.ts';
import { type InstanceAttributes, serverOf } from '../../src/resources/instance.ts';
import { attributesOf } from '../../src/resources/type.ts';
import { revealText, type FileStep, type ScriptStep, type Step } from '../../src/steps/step.ts';
import {
  aConfig,
  aConfigOverTls,
  aConfigWithEtcdUser,
  aRole,
  anInstance,
  CONTEXT,
  DIR,
  INSTANCE,
  ONE_OF_EACH,
  SECRETS,
  shownStep,
  textsOf,
} from './fixtures.ts';

/** The steps of every method of a resource's type. */
function lifecycleOf(resource: Resource): Readonly<Record<string, readonly Step[] | null>> {
  const type = typeOf(resource);
  return {
    refresh: type.refresh(resource, CONTEXT)?.steps ?? null,
    check: type.check?.(resource, { previous: null, copyBytes: null }, CONTEXT)?.steps ?? null,
    create: type.create(resource, CONTEXT),
    update: type.update(resource, resource, CONTEXT),
    delete: type.delete(resource, CONTEXT),
  };
}

const filesOf = (resource: Resource): FileStep[] =>
  typeOf(resource)
    .create(resource, CONTEXT)
    .filter((step) => step.kind === 'file');

const shown = (steps: readonly Step[] | null): string =>
  steps === null ? '(none)\n' : steps.length === 0 ? '(nothing to do)\n' : steps.map(shownStep).join('\n');

it('what is brief waits for nothing, and changes nothing but its host', () => {
  const brief = ONE_OF_EACH.flatMap((resource) =>
    (typeOf(resource).brief ?? []).flatMap((event) => lifecycleOf(resource)[event] ?? []),
  );
  expect(brief.length).toBeGreaterThan(0);
  expect(brief.filter(({ kind }) => !['script', 'file'].includes(kind))).toEqual([]);
});

describe('every type', () => {
  it('is among those that are tested here', () => {
    expect(ONE_OF_EACH.map(({ type }) => type).sort()).toEqual(Object.keys(MIGRATIONS).sort());
  });

  it.each(ONE_OF_EACH)('$type says what it does', async (resource) => {
    const type = typeOf(resource);
    const text = Object.entries(lifecycleOf(resource)).map(([method, steps]) => {
      const verb = method in type.verbs ? `: ${type.verbs[method as keyof typeof type.verbs]}` : '';
      return `## ${method}${verb}\n\n${shown(steps)}`;
    });
    const orderly = shown(type.delete(resource, CONTEXT));
    const atOnce = shown(type.delete(resource, { ...CONTEXT, nodeLeaves: () => true }));
    if (atOnce !== orderly) text.push(`## delete with its whole node: ${type.verbs.delete}\n\n${atOnce}`);
    const usual = shown(type.create(resource, CONTEXT));
    const begun = shown(type.create(resource, { ...CONTEXT, nodeBegins: () => true }));
    if (begun !== usual) text.push(`## create where its node begins: ${type.verbs.create}\n\n${begun}`);
    await expect(text.join('\n')).toMatchFileSnapshot(`goldens/${resource.type}.txt`);
  });

  it.each(ONE_OF_EACH)('$type keeps secrets out of its data', (resource) => {
    const data = JSON.stringify([resource, lifecycleOf(resource)]);
    for (const secret of Object.values(SECRETS)) expect(data).not.toContain(secret);
  });

  it.each(ONE_OF_EACH)(
    '$type gives its scripts values as arguments or on stdin, never in their text',
    (resource) => {
      const other = JSON.parse(
        JSON.stringify(resource).replaceAll(INSTANCE, 'blog.n2.host-9').replaceAll('5432', '5999'),
      ) as Resource;
      const scripts = (of: Resource): string[] =>
        Object.values(lifecycleOf(of)).flatMap((steps) =>
          (steps ?? []).flatMap((step) => ('script' in step ? [step.script] : [])),
        );
      expect(scripts(other)).toEqual(scripts(resource));
    },
  );

  it('is known by name only: another is from a newer pgctl', () => {
    expect(() => typeOf({ type: 'backup' })).toThrow(expect.objectContaining({ code: 'store_newer' }));
  });
});

describe('patroni_config of an instance that has a user in etcd', () => {
  const config = aConfigWithEtcdUser();
  const steps = filesOf(config);
  const contentOf = (name: string): string =>
    revealText(steps.find(({ path }) => path.endsWith(`/${name}`))?.content ?? '');

  it('logs in to etcd, and so does the guard', () => {
    const login = { username: `pgctl/${INSTANCE}`, password: 'canary-etcd' };
    expect(parse(contentOf('patroni.yml'))).toMatchObject({ etcd3: { hosts: ['10.0.0.9:2379'], ...login } });
    expect(JSON.parse(contentOf('prepare.json'))).toMatchObject({
      etcd: { name: login.username, password: login.password },
    });
  });

  it('keeps both files secret', () => {
    const holding = steps.filter(({ content }) => revealText(content).includes('canary'));
    expect(holding.map(({ mode, owner }) => [mode, owner])).toEqual([
      ['0600', 'postgres'],
      ['0600', 'postgres'],
    ]);
    expect(JSON.stringify([config, steps])).not.toContain('canary');
  });
});

describe('the configuration of an instance whose etcd is reached over TLS', () => {
  const config = aConfigOverTls();
  const type = typeOf(config);
  const contentOf = (steps: readonly FileStep[], name: string): string =>
    revealText(steps.find(({ path }) => path === `${DIR}/${name}`)?.content ?? '');
  const paths = {
    cacert: `${DIR}/etcd-ca.pem`,
    cert: `${DIR}/etcd-cert.pem`,
    key: `${DIR}/etcd-key.pem`,
  };

  it('names the files to Patroni and to the guard, and comes after them', () => {
    const steps = filesOf(config);
    expect(parse(contentOf(steps, 'patroni.yml'))).toMatchObject({ etcd3: { protocol: 'https', ...paths } });
    expect(JSON.parse(contentOf(steps, 'prepare.json'))).toMatchObject({ tls: paths });
    expect(contentOf(steps, 'etcd-key.pem')).toBe('canary-etcd-key\n');
    expect(steps.slice(0, 3).map(({ path, mode, owner }) => [path, mode, owner])).toEqual(
      Object.values(paths).map((path) => [path, '0600', 'postgres']),
    );
    expect(JSON.stringify([config, steps])).not.toContain('canary');
  });

  it('has no certificate where etcd asks for none, and takes away one that was there', () => {
    const bare = aConfigOverTls(['cacert']);
    const { etcd3 } = parse(contentOf(filesOf(bare), 'patroni.yml')) as { etcd3: object };
    expect(etcd3).toEqual({ hosts: ['10.0.0.9:2379'], protocol: 'https', cacert: paths.cacert });
    const [, removal, ...none] = type.update(bare, config, CONTEXT).filter((step) => step.kind === 'script');
    expect([removal?.args, none]).toEqual([[paths.cert, paths.key], []]);
  });
});

describe('patroni_config', () => {
  const steps = filesOf(aConfig());
  const yaml = steps.find(({ path }) => path.endsWith('/patroni.yml'));

  it('has the passwords in patroni.yml alone, which is a secret as a whole', () => {
    expect(JSON.stringify(yaml)).toContain('"content":"[redacted]"');
    const holding = steps.filter(({ content }) => revealText(content).includes('canary'));
    expect(holding.map(({ path, mode, owner }) => ({ path, mode, owner }))).toEqual([
      { path: yaml?.path, mode: '0600', owner: 'postgres' },
    ]);
  });

  it('writes YAML that says what was meant, whatever a password holds', () => {
    expect(parse(revealText(yaml?.content ?? ''))).toEqual({
      scope: 'shop.n1',
      name: 'host-1',
      restapi: {
        listen: '10.0.0.1:8008',
        authentication: { username: 'pgctl', password: SECRETS.restapi },
      },
      bootstrap: { dcs: { ttl: 30 } },
      postgresql: {
        listen: '*:5432',
        pg_hba: ['local all "postgres" peer map=pgctl'],
        authentication: {
          superuser: { username: 'postgres', password: SECRETS.superuser },
          replication: { username: 'replicator', password: SECRETS.replication },
        },
      },
    });
  });

  it('writes texts that Patroni reads as texts: it takes a bare off for a boolean, and 1:30 for 90', () => {
    const parameters = { a: 'off', b: 'yes', c: '1:30', d: '0o7', e: '12', f: '1_000' };
    const config = aConfig({ postgresql: { parameters } });
    const files = filesOf(config);
    const text = revealText(files.find(({ path }) => path.endsWith('/patroni.yml'))?.content ?? '');
    expect((parse(text, { version: '1.1' }) as typeof config.attributes)['postgresql']).toMatchObject({
      parameters,
    });
  });

  it.each([
    [true, aConfig()],
    [false, aConfig({ bootstrap: undefined })],
  ])('tells the programs beside it whether this member bootstraps: %s', (bootstrap, resource) => {
    const config = JSON.parse(JSON.stringify(resource)) as Resource;
    const files = filesOf(config);
    const prepare = files.find(({ path }) => path.endsWith('/prepare.json'));
    expect(JSON.parse(revealText(prepare?.content ?? ''))).toMatchObject({ bootstrap });
  });

  it('does not count a change of what Patroni reads only once', () => {
    expect(aConfig().diff_ignore).toEqual(['/config/bootstrap']);
  });
});

describe('role', () => {
  const sqlOf = (resource: Resource, previous = resource): string => {
    const [text = ''] = textsOf(typeOf(resource).update(resource, previous, CONTEXT));
    return revealText(text);
  };

  it('gives the server the verifier, never a password', () => {
    expect(sqlOf(aRole())).toContain(`password '${SECRETS['verifier.app']}'`);
    expect(sqlOf(aRole({ verifier: null, verifier_digest: null }))).toContain('password null;');
  });

  it('takes away the memberships that the spec no longer has', () => {
    const sql = sqlOf(aRole({ member_of: ['reader'] }), aRole({ member_of: ['reader', 'writer'] }));
    expect(sql).toContain('grant "reader" to "app";\n');
    expect(sql).toContain('revoke "writer" from "app";\n');
  });

  it.each<[title: string, options: string[], all: string]>([
    [
      'none given',
      [],
      'NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT CONNECTION LIMIT -1',
    ],
    [
      'one given',
      ['LOGIN'],
      'NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT CONNECTION LIMIT -1 LOGIN',
    ],
    [
      'a default denied',
      ['NOINHERIT'],
      'NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT -1 NOINHERIT',
    ],
    [
      'one with a value',
      ['LOGIN', 'CONNECTION LIMIT 5'],
      'NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT LOGIN CONNECTION LIMIT 5',
    ],
  ])('states every option, so that a dropped one is taken away: %s', (_title, options, all) => {
    expect(sqlOf(aRole({ options }))).toContain(`alter role "app" with ${all} password `);
  });

  it('is quoted everywhere, however it is called', () => {
    const name = `a"b'c\\; drop role x; --`;
    const sql = sqlOf(aRole({ name, member_of: [name] }));
    expect(sql).toMatchInlineSnapshot(`
      "select format('create role %I',  E'a"b''c\\\\; drop role x; --')
        where not exists (select from pg_roles where rolname =  E'a"b''c\\\\; drop role x; --') \\gexec
      alter role "a""b'c\\; drop role x; --" with NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT LOGIN CONNECTION LIMIT 20 password 'SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy';
      grant "a""b'c\\; drop role x; --" to "a""b'c\\; drop role x; --";
      "
    `);
  });
});

describe('instance', () => {
  const namesOf = (resource: Resource, previous = resource): string[] =>
    typeOf(resource)
      .update(resource, previous, CONTEXT)
      .map((step) => ('name' in step ? step.name : step.kind));
  const stopped = anInstance({ running: false });

  it('that is not wanted to run is neither started nor looked for', () => {
    expect(lifecycleOf(stopped)).toMatchObject({ refresh: null, create: [], delete: [] });
    expect(namesOf(stopped)).toEqual([`stop pgctl-${INSTANCE}.service`]);
  });

  it('hands over before it is stopped', () => {
    expect(namesOf(stopped, anInstance())).toEqual([
      `hand over from ${INSTANCE}`,
      `stop pgctl-${INSTANCE}.service`,
    ]);
  });

  it('is started anew, after it handed over, where Patroni is to listen elsewhere', () => {
    expect(namesOf(anInstance({ rest: '10.0.0.1:8009' }), anInstance()).slice(0, 3)).toEqual([
      `hand over from ${INSTANCE}`,
      `stop pgctl-${INSTANCE}.service`,
      `start pgctl-${INSTANCE}.service`,
    ]);
  });

  it.each([
    ['reconfigure', anInstance(), anInstance()],
    ['restart', anInstance({ restart_requested: '2026-01-01T00:00:00.000Z' }), anInstance()],
    ['stop', stopped, anInstance()],
    ['start', anInstance(), stopped],
  ])('has a word for what an update is: %s', (word, resource, before) => {
    const previous = { ...before, needs_recreate: false, error: null };
    const event = { type: 'update', reason: 'has_diff', resource, previous } as const;
    expect(typeOf(resource).action?.(event) ?? typeOf(resource).verbs.update).toBe(word);
  });

  it('settles to what is wanted, and drops what was', () => {
    const settings = { ...attributesOf<InstanceAttributes>(anInstance()).settings };
    const before = anInstance({ settings: { ...settings, parameters: { jit: 'off' } } });
    const [, settle] = typeOf(before).update(
      anInstance({ restart_requested: '2026-01-01T00:00:00.000Z' }),
      before,
      CONTEXT,
    );
    const stdin = JSON.parse(revealText((settle as ScriptStep).stdin ?? '')) as object;
    expect(stdin).toMatchObject({
      exact: { max_connections: '200' },
      dropped: ['jit'],
      restart: true,
      port: 5432,
      name: 'host-1',
      password: SECRETS.restapi,
    });
    expect((settle as ScriptStep).args.join('\n')).not.toContain('canary');
  });

  it('is spoken to by a program that Python takes', () => {
    const [, settle] = typeOf(anInstance()).update(anInstance(), anInstance(), CONTEXT);
    const program = (settle as ScriptStep).args[1] ?? '';
    const compiled = spawnSync('python3', ['-c', 'import sys; compile(sys.stdin.read(), "client", "exec")'], {
      input: program,
      encoding: 'utf8',
    });
    expect([compiled.status, compiled.stderr]).toEqual([0, '']);
  });

  it('without systemd starts Patroni itself, as the account of the data', () => {
    const [start] = typeOf(anInstance()).create(anInstance({ manager: 'process' }), CONTEXT);
    expect(start).toMatchObject({ name: `start Patroni of ${INSTANCE}`, account: 'postgres' });
  });

  it('is reached on its host’s socket', () => {
    expect(serverOf(anInstance({ port: 5433 }), 'shop')).toEqual({
      bin_dir: '/usr/lib/postgresql/17/bin',
      socket_dir: '/run/postgresql',
      port: 5433,
      database: 'shop',
    });
  });
});

describe('node', () => {
  it('hands over where its primary is a member no more', () => {
    const whole = ONE_OF_EACH.find(({ type }) => type === 'node') as Resource;
    const left = { ...whole, attributes: { scope: 'shop.n1', members: ['host-2', 'host-3'] } };
    const [step, ...more] = typeOf(left).update(left, whole, CONTEXT);
    expect(step).toMatchObject({ name: `hand over from ${INSTANCE}` });
    expect(more).toEqual([]);
  });

  it('none of whose members is to run has nothing to do, and needs no primary', () => {
    const whole = ONE_OF_EACH.find(({ type }) => type === 'node') as Resource;
    const none = { ...whole, attributes: { scope: 'shop.n1', members: [] } };
    expect(typeOf(none).inert?.('update', none)).toBe(true);
    expect(typeOf(whole).inert?.('update', whole)).toBe(false);
  });

  it('of one member waits for nobody else', () => {
    const whole = ONE_OF_EACH.find(({ type }) => type === 'node');
    const single = { ...(whole as Resource), attributes: { scope: 'shop.n1', members: ['host-1'] } };
    expect(typeOf(single).create(single, CONTEXT)).toEqual([]);
  });
});
