/** Durations and sizes as the configuration writes them. */

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizes: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KiB: 1024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};

/** "500ms", "90s", "10m", "1h30m", "7d" in ms; undefined if it is none. */
export function parseDuration(text: string): number | undefined {
  const parts = [...text.matchAll(/(\d+)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) {
    return undefined;
  }
  const total = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ""] ?? 0), 0);
  return total <= Number.MAX_SAFE_INTEGER ? total : undefined;
}

/** How many in which time. */
export interface Rate {
  readonly count: number;
  /** In ms. */
  readonly window: number;
}

/** "10/60s" as 10 in 60 000 ms, in a time from 1s to 24h; undefined if it is none. */
export function parseRate(text: string): Rate | undefined {
  const [, digits = "", time = ""] = /^(\d{1,9})\/(.+)$/.exec(text) ?? [];
  const [count, window] = [Number(digits), parseDuration(time) ?? 0];
  return count > 0 && window >= 1000 && window <= 86_400_000 ? { count, window } : undefined;
}

/** "25MB", "64KiB", "1000B" in bytes; undefined if it is none. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)(B|KB|MB|GB|KiB|MiB|GiB)$/.exec(text);
  const bytes = Number(match?.[1]) * (sizes[match?.[2] ?? ""] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
