import { describe, expect, it } from 'vitest';
import { SALT_BYTES, scramMatches, scramVerifier, secretDigest } from '../../src/scram.ts';
import { Secret } from '../../src/secret.ts';

const SALT = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
const verifier = (password: string, salt = SALT): string =>
  scramVerifier(new Secret(password), salt).reveal();

describe('a SCRAM verifier', () => {
  it('is that of RFC 7677’s example', () => {
    expect(verifier('pencil')).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
    expect(SALT.length).toBe(SALT_BYTES);
  });

  it.each<[title: string, password: string, same: string]>([
    ['a soft hyphen is mapped to nothing', 'I\u00adX', 'IX'],
    ['a compatibility character is its plain form', '\u00aa', 'a'],
    ['a roman numeral is its letters', '\u2168', 'IX'],
    ['a space of another kind is a space', 'a\u00a0b', 'a b'],
  ])('normalizes as SASLprep says: %s', (_title, password, same) => {
    expect(verifier(password)).toBe(verifier(same));
  });

  it.each<[title: string, password: string, other: string]>([
    ['upper and lower case', 'pencil', 'Pencil'],
    ['a control character, which SASLprep forbids: taken as it is', 'a\u0007', 'a'],
    ['mixed directions, forbidden as well', '\u06271', '1'],
  ])('tells apart %s', (_title, password, other) => {
    expect(verifier(password)).not.toBe(verifier(other));
  });

  it('matches its own password only, with the salt that is stored', () => {
    const stored = new Secret(verifier('pencil'));
    expect(scramMatches(stored, new Secret('pencil'))).toBe(true);
    expect(scramMatches(stored, new Secret('pencils'))).toBe(false);
    expect(scramMatches(new Secret(verifier('pencil', Buffer.alloc(16, 1))), new Secret('pencil'))).toBe(
      true,
    );
  });

  it.each(['', 'md5aaaa', 'SCRAM-SHA-256$', 'pencil', 'SCRAM-SHA-256$4096:x$y'])(
    'that is none matches nothing: %j',
    (text) => {
      expect(scramMatches(new Secret(text), new Secret('pencil'))).toBe(false);
    },
  );
});

it('a digest tells secrets apart without telling them', () => {
  const digest = secretDigest(new Secret('canary'));
  expect(digest).toMatch(/^[0-9a-f]{32}$/);
  expect(digest).not.toBe(secretDigest(new Secret('canary2')));
});
