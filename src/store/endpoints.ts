import { PgctlError } from '../errors.ts';

const DEFAULT_PORT = '2379';

/**
 * etcd's endpoints as they are used: each `http://host:port` or `https://host:port`, in the order given,
 * without repeats. A missing scheme is `http`, a missing port 2379.
 *
 * @throws PgctlError `usage` for what is not an endpoint, for none at all, and for http and https mixed: one
 * client certificate and one password would then go over both.
 */
export function parseEndpoints(endpoints: readonly string[]): readonly string[] {
  const parsed = [...new Set(endpoints.map((text) => parseEndpoint(text.trim())))];
  if (parsed.length === 0) {
    throw new PgctlError('usage', 'no etcd endpoint is given', {
      hint: 'Give --endpoints http://<host>:2379, set PGCTL_ENDPOINTS, or start a local etcd with `pgctl local up`.',
    });
  }
  const secure = parsed.filter((endpoint) => endpoint.startsWith('https:')).length;
  if (secure !== 0 && secure !== parsed.length) {
    throw new PgctlError('usage', `etcd endpoints mix http and https: ${parsed.join(', ')}`, {
      hint: 'Use the same scheme for all of them.',
    });
  }
  return parsed;
}

function parseEndpoint(text: string): string {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : null;
  const valid =
    url !== null &&
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.hostname !== '' &&
    // A password in a URL ends up in logs and process lists.
    url.username === '' &&
    url.password === '' &&
    (url.pathname === '/' || url.pathname === '') &&
    url.search === '' &&
    url.hash === '';
  if (!valid) {
    const shown = url === null || url.password === '' ? text : '(an address with a password in it)';
    throw new PgctlError('usage', `not an etcd endpoint: ${shown}`, {
      hint: 'An endpoint is http://<host>:<port> or https://<host>:<port>; users and passwords have their own options.',
    });
  }
  // URL drops a port that is its scheme's default, so it is looked for in the text.
  const defaultPort = url.protocol === 'https:' ? '443' : '80';
  const explicit = new RegExp(`:${defaultPort}/?$`).test(withScheme) ? defaultPort : DEFAULT_PORT;
  return `${url.protocol}//${url.hostname}:${url.port === '' ? explicit : url.port}`;
}
