import { expect, it } from 'vitest';
import { unitFile, unitName } from '../../src/resources/unit.ts';

const attributes = {
  instance_id: 'shop.n1.host-1',
  database_uid: '3f6c1a52',
  dir: '/var/lib/pgctl/shop.n1.host-1',
  user: 'postgres',
  patroni: '/usr/bin/patroni',
  config_file: '/var/lib/pgctl/shop.n1.host-1/patroni.yml',
};

it('a unit runs Patroni once its guard allows it', () => {
  expect(unitFile(attributes)).toMatchInlineSnapshot(`
    "# pgctl: shop.n1.host-1 3f6c1a52
    [Unit]
    Description=PostgreSQL instance shop.n1.host-1 under Patroni, made by pgctl
    After=network-online.target
    Wants=network-online.target

    [Service]
    Type=simple
    User=postgres
    WorkingDirectory=/var/lib/pgctl/shop.n1.host-1
    ExecCondition=/var/lib/pgctl/shop.n1.host-1/bin/prepare start
    ExecStart=/usr/bin/patroni /var/lib/pgctl/shop.n1.host-1/patroni.yml
    ExecReload=/bin/kill -s HUP $MAINPID
    KillMode=process
    TimeoutStartSec=infinity
    TimeoutStopSec=300
    Restart=on-failure
    RestartSec=3
    LimitNOFILE=65536

    [Install]
    WantedBy=multi-user.target
    "
  `);
});

it('a unit takes a hostile path as it is', () => {
  const dir = `/srv/100% "mine" $HOME\\x`;
  const lines = unitFile({
    ...attributes,
    dir,
    patroni: '/opt/my patroni/bin',
    config_file: `${dir}/patroni.yml`,
  })
    .split('\n')
    .filter((line) => /^(Exec(Start|Condition)|WorkingDirectory)/.test(line));
  expect(lines.join('\n')).toMatchInlineSnapshot(`
    "WorkingDirectory=/srv/100%% "mine" $HOME\\x
    ExecCondition="/srv/100%% \\"mine\\" $$HOME\\\\x/bin/prepare" start
    ExecStart="/opt/my patroni/bin" "/srv/100%% \\"mine\\" $$HOME\\\\x/patroni.yml""
  `);
});

it('a unit cannot be given further lines', () => {
  expect(() => unitFile({ ...attributes, dir: '/srv\nExecStart=/bin/sh' })).toThrow(
    'not a word for a unit file',
  );
});

it('a unit is named after its instance', () => {
  expect(unitName('shop.n1.host-1')).toBe('pgctl-shop.n1.host-1.service');
});
