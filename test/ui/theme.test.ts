import { expect, test } from 'vitest';
import { type ColorMode, openTheme, paintState, wantsColor } from '../../src/ui/theme.ts';
import { COLOR, PLAIN, visible } from './screen.ts';

test.each<[string, ColorMode, Record<string, string>, boolean, boolean]>([
  ['a terminal', 'auto', {}, true, true],
  ['a pipe', 'auto', {}, false, false],
  ['a terminal, NO_COLOR', 'auto', { NO_COLOR: '1' }, true, false],
  ['a terminal, an empty NO_COLOR', 'auto', { NO_COLOR: '' }, true, true],
  ['a pipe, FORCE_COLOR', 'auto', { FORCE_COLOR: '1' }, false, true],
  ['a pipe, an empty FORCE_COLOR', 'auto', { FORCE_COLOR: '' }, false, true],
  ['a terminal, FORCE_COLOR=0', 'auto', { FORCE_COLOR: '0' }, true, false],
  ['FORCE_COLOR and NO_COLOR', 'auto', { FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
  ['a pipe, --color always', 'always', { NO_COLOR: '1' }, false, true],
  ['a terminal, --color never', 'never', { FORCE_COLOR: '1' }, true, false],
])('%s (--color %s)', (_, mode, env, terminal, colored) => {
  expect(wantsColor({ mode, env, terminal })).toBe(colored);
});

test('a state is legible without its colour', () => {
  expect(visible(paintState(COLOR, 'failed'))).toBe('<red>failed</>');
  expect(visible(paintState(COLOR, 'creating', 'creating (interrupted)'))).toBe(
    '<yellow>creating (interrupted)</>',
  );
  expect(paintState(PLAIN, 'failed')).toBe('failed');
});

test('a state of a newer pgctl is shown as it is', () => {
  expect(paintState(openTheme({ color: true, width: null }), 'levitating' as 'failed')).toBe('levitating');
});
