/** A time as people say it: "3d", "12m", "40s". */

const units = [
  [86_400, "d"],
  [3600, "h"],
  [60, "m"],
] as const;

/** In the largest unit of which there are two. @param seconds from 0 on */
export function shortTime(seconds: number): string {
  const [size, unit] = units.find(([length]) => seconds >= 2 * length) ?? [1, "s"];
  return `${Math.floor(seconds / size)}${unit}`;
}
