/** DJB's time stamps: `@` and 24 hex digits, TAI64N with the fixed 10 seconds. reference: cr.yp.to/libtai/tai64.html */

const epoch = 0x4000_0000_0000_000an;

/** The stamp of a moment in µs since 1970; DJB's tools write nanoseconds as µs × 1000 + 500. */
export function tai64n(microseconds: number): string {
  const seconds = Math.floor(microseconds / 1_000_000);
  const nanoseconds = (microseconds - seconds * 1_000_000) * 1000 + 500;
  return `@${(epoch + BigInt(seconds)).toString(16)}${nanoseconds.toString(16).padStart(8, "0")}`;
}
