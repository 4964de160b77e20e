/** Numbers by chance, the same ones for the same seed. `npm run fuzz` sets another seed each time. */

const wanted = process.env["FUZZ_SEED"] ?? "20261121";

/** To be printed with what is found. */
export const seed: number = wanted === "random" ? Date.now() % 2 ** 31 : Number(wanted);

/** mulberry32: a number in [0, 1) at each call, the same ones for the same seed. */
export function createRandom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
