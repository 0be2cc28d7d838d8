/** Random numbers that can be had again: the seed is in the output of every run. */
export interface Chance {
  readonly seed: number;
  /** A whole number, from `least` to `most`. */
  between(least: number, most: number): number;
}

/** What every run does unless it is told otherwise: a change is judged by what it changed, not by its luck. */
const USUAL = 631_638_839;

function seedGiven(): number {
  const given = process.env.FAULT_SEED ?? String(USUAL);
  return given === 'random' ? Date.now() % 1_000_000_000 : Number(given);
}

/** From FAULT_SEED: a number, or `random` for a new one. */
export function chanceOf(seed = seedGiven()): Chance {
  // mulberry32: four lines, and any seed will do.
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { seed, between: (least, most) => least + Math.floor(next() * (most - least + 1)) };
}
