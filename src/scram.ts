import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { saslprep } from '@mongodb-js/saslprep';
import { Secret } from './secret.ts';

/** What Postgres itself uses (scram_iterations): a verifier made here is one the server would have made. */
const ITERATIONS = 4096;
const KEY_BYTES = 32;
export const SALT_BYTES = 16;

const VERIFIER = /^SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/;

/**
 * Normalized as RFC 4013 says; a password that the profile forbids is taken as it is, which is what Postgres
 * and its clients do.
 */
function prepared(password: string): string {
  try {
    return saslprep(password);
  } catch {
    return password;
  }
}

function verifierOf(password: string, salt: Buffer, iterations: number): string {
  const salted = pbkdf2Sync(prepared(password), salt, iterations, KEY_BYTES, 'sha256');
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  const serverKey = hmac('Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

/**
 * The SCRAM-SHA-256 verifier of a password (RFC 5803), as Postgres stores it, so that the password itself
 * never reaches a host.
 *
 * @param salt SALT_BYTES random bytes, new for every password.
 */
export function scramVerifier(password: Secret, salt: Buffer): Secret {
  return new Secret(verifierOf(password.reveal(), salt, ITERATIONS));
}

/** Whether a verifier is this password's: it is computed again with the stored salt. */
export function scramMatches(verifier: Secret, password: Secret): boolean {
  const match = VERIFIER.exec(verifier.reveal());
  if (match === null) return false;
  const again = Buffer.from(
    verifierOf(password.reveal(), Buffer.from(match[2] ?? '', 'base64'), Number(match[1])),
  );
  const stored = Buffer.from(verifier.reveal());
  return again.length === stored.length && timingSafeEqual(again, stored);
}

/** A short digest of a secret, to see that it changed: 128 bits of SHA-256, hex. Only for values with full entropy. */
export function secretDigest(secret: Secret): string {
  return createHash('sha256').update(secret.reveal()).digest('hex').slice(0, 32);
}
