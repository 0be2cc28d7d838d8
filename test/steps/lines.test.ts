import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { lineReader, type Said, saidReader } from '../../src/steps/lines.ts';
import { renderSteps } from '../../src/steps/render.ts';
import { ME, script } from './run-steps.ts';

const NONCE = 'abc123';

function read(stdout: string, size: number) {
  const lines: string[] = [];
  const reader = lineReader(NONCE, (line) => lines.push(line));
  for (let at = 0; at < stdout.length; at += size) reader.push(stdout.slice(at, at + size));
  return { lines, outputs: reader.outputs() };
}

describe('what steps print, line by line', () => {
  it.each<[title: string, printed: string, lines: string[]]>([
    ['nothing', '', []],
    ['a line', 'one\n', ['one']],
    ['a line without its end', 'one', ['one']],
    ['lines', 'one\ntwo\n', ['one', 'two']],
    ['empty lines within and at the end', '\none\n\n\ntwo\n\n', ['', 'one', '', '', 'two', '']],
    ['what looks like a frame of another run', 'xyz end 0 0\n', ['xyz end 0 0']],
    ['unicode', 'größe 🐘\n', ['größe 🐘']],
  ])('%s, however it is cut', (_title, printed, lines) => {
    const steps = [script('cat', { stdin: printed }), script('echo after; exit 7')];
    const input = `echo a banner\n${renderSteps(steps, { nonce: NONCE, runUser: ME })}`;
    const { stdout } = spawnSync('sh', ['-s'], { input, encoding: 'utf8' });
    for (const size of [1, 2, 7, 10_000]) {
      expect(read(stdout, size)).toEqual({
        lines: [...lines, 'after'],
        outputs: [
          { exitCode: 0, stdout: '' },
          { exitCode: 7, stdout: '' },
        ],
      });
    }
  });

  it('comes before the step has ended', () => {
    expect(read(`\n${NONCE} begin 0\none\ntw`, 100)).toEqual({ lines: ['one'], outputs: [] });
  });

  it('holds nothing of the worker’s where the step was ended from outside', () => {
    const stdout = `\n${NONCE} begin 0\none\n\n${NONCE} result 143\n`;
    expect(read(stdout, 1)).toEqual({ lines: ['one'], outputs: [] });
  });
});

describe('what steps say while they run', () => {
  it.each<[text: string, progress: Said['progress']]>([
    ['waiting for Postgres', null],
    ['copying, 12 of 48 bytes', { done: 12, total: 48 }],
    ['starting, 2048 bytes of data', { done: 2048 }],
    ['waiting for h3 to stream from h1, 77 bytes to go', { left: 77 }],
    ['bytes of 3', null],
  ])('is read with its sizes: %s', (text, progress) => {
    const said: Said[] = [];
    const read = saidReader(NONCE, (each) => said.push(each));
    read(`a banner\n\n${NONCE} begin 0\n${NONCE}`);
    read(` says ${text}\n\nother says no\n${NONCE} end 0 0\n`);
    expect(said).toEqual([{ text, progress }]);
  });

  it('does not grow with a line that never ends', () => {
    const said: Said[] = [];
    const read = saidReader(NONCE, (each) => said.push(each));
    for (let i = 0; i < 1000; i++) read('x'.repeat(10_000));
    read(`\n${NONCE} says on\n`);
    expect(said).toEqual([{ text: 'on', progress: null }]);
  });
});
