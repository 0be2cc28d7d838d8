import { X509Certificate } from 'node:crypto';
import { connect, type PeerCertificate } from 'node:tls';
import { PgctlError } from '../errors.ts';
import type { TlsOptions } from './channel.ts';
import { Gateway } from './gateway.ts';

/** Milliseconds that one look may take. */
const LOOK_MS = 1000;

/** What keeps pgctl from an endpoint for good: waiting does not help, somebody has to change something. */
interface Problem {
  readonly what: string;
  readonly hint: string;
}

const EXPIRED: Problem = {
  what: 'its certificate has expired',
  hint: 'Renew the certificate of this etcd. If it is good, the clock of this machine is off.',
};
const UNTRUSTED: Problem = {
  what: 'its certificate is of an authority that is not trusted here',
  hint: 'Name the authority that signed the certificate of this etcd: --cacert.',
};

/** Node's names for what it found wrong with the certificate of a server. */
const CERTIFICATES: Readonly<Record<string, Problem>> = {
  CERT_HAS_EXPIRED: EXPIRED,
  CERT_NOT_YET_VALID: { ...EXPIRED, what: 'its certificate is not valid yet' },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
};

const NO_TLS: Problem = {
  what: 'there is no TLS at this address',
  hint: 'Write it with http:// in --endpoints, or have this etcd listen with a certificate.',
};
const TLS_WANTED: Problem = {
  what: 'this address wants TLS',
  hint: 'Write it with https:// in --endpoints, and name the authority of its certificate: --cacert.',
};

/** An alert of the server's, by OpenSSL's names such as ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED. */
const isAlert = (code: string): boolean => /^ERR_SSL_.*_ALERT_/.test(code);

/**
 * The error that says why etcd cannot be reached, where that is a matter of TLS at every endpoint, so that trying
 * again would not help; null otherwise. Looks at each over HTTP, as gRPC does not tell why in a code.
 *
 * @param now pgctl's clock, in milliseconds since the epoch
 */
export async function contactError(
  endpoints: readonly string[],
  tls: TlsOptions | null,
  now: number,
): Promise<PgctlError | null> {
  const found = await Promise.all(endpoints.map((endpoint) => problemAt(endpoint, tls, now)));
  const [first] = found;
  if (first === undefined || first === null || found.includes(null)) return null;
  return new PgctlError('etcd_unreachable', `etcd cannot be used at ${endpoints.join(', ')}: ${first.what}`, {
    hint: first.hint,
    details: endpoints.map((endpoint, index) => `${endpoint}: ${found[index]?.what ?? ''}`),
  });
}

async function problemAt(endpoint: string, tls: TlsOptions | null, now: number): Promise<Problem | null> {
  const asked = await ask(endpoint, tls);
  if (asked === null) return null;
  if (!endpoint.startsWith('https:')) return (await speaksTls(endpoint)) ? TLS_WANTED : null;
  const { code = '', cert } = asked;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return otherName(endpoint, cert);
  if (isAlert(code)) return refusedCertificate(tls, now);
  const known = CERTIFICATES[code];
  if (known !== undefined) return known;
  return (await ask(endpoint.replace('https:', 'http:'), null)) === null ? NO_TLS : null;
}

type Failed = NodeJS.ErrnoException & { readonly cert?: PeerCertificate };

/** Why a page of etcd's that everybody may see cannot be had; null where it can. */
async function ask(endpoint: string, tls: TlsOptions | null): Promise<Failed | null> {
  const gateway = new Gateway({ endpoint, tls, auth: null, limitMs: LOOK_MS });
  try {
    const { status } = await gateway.get('/version');
    return status === 200 ? null : new Error(`HTTP ${status}`);
  } catch (error) {
    return error as Failed;
  } finally {
    gateway.close();
  }
}

/** Whether TLS is spoken at an address, whoever is there: an alert is an answer, too. */
function speaksTls(endpoint: string): Promise<boolean> {
  const { hostname, port } = new URL(endpoint);
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port),
      // Nothing is said to it, so it does not matter who it is.
      rejectUnauthorized: false,
    });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(LOOK_MS, () => end(false));
    socket.once('secureConnect', () => end(true));
    socket.once('error', (error: NodeJS.ErrnoException) => end(isAlert(error.code ?? '')));
  });
}

function otherName(endpoint: string, cert: PeerCertificate | undefined): Problem {
  const names = cert?.subjectaltname ?? '';
  return {
    what: `its certificate is for ${names === '' ? 'another name' : names}, not for ${new URL(endpoint).hostname}`,
    hint: 'Name it in --endpoints as its certificate does, or have this name put into the certificate.',
  };
}

/** The server did not take pgctl's certificate, or there was none to take. */
function refusedCertificate(tls: TlsOptions | null, now: number): Problem {
  const cert = tls?.cert ?? null;
  if (cert === null)
    return {
      what: 'it wants a certificate of pgctl',
      hint: 'Give one that its authority signed: --cert and --key.',
    };
  const { validTo } = new X509Certificate(cert);
  if (Date.parse(validTo) < now)
    return {
      what: `pgctl's own certificate expired on ${validTo}`,
      hint: 'Have it renewed: --cert and --key.',
    };
  return {
    what: "it does not accept pgctl's certificate",
    hint: 'Give one that its authority signed, for use by clients: --cert and --key.',
  };
}
