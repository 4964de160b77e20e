/** What somebody meant who wrote a value in another form: 300 for "300s", 0.1 for "10%", "yes" for true. */

const timeWords: Readonly<Record<string, string>> = {
  msec: "ms",
  sec: "s",
  secs: "s",
  second: "s",
  seconds: "s",
  min: "m",
  mins: "m",
  minute: "m",
  minutes: "m",
  hour: "h",
  hours: "h",
  hr: "h",
  day: "d",
  days: "d",
};
const sizeWords: Readonly<Record<string, string>> = {
  b: "B",
  byte: "B",
  bytes: "B",
  k: "KB",
  kb: "KB",
  m: "MB",
  mb: "MB",
  g: "GB",
  gb: "GB",
  kib: "KiB",
  mib: "MiB",
  gib: "GiB",
};

/** A number and a word, as in "5 minutes"; a bare number has the word "". */
function quantity(value: unknown): { readonly count: string; readonly word: string } | undefined {
  const text = typeof value === "number" ? String(value) : typeof value === "string" ? value.trim() : "";
  const [, count, word] = /^(\d{1,12})[ _]?([A-Za-z]{0,8})$/.exec(text) ?? [];
  return count === undefined ? undefined : { count, word: (word ?? "").toLowerCase() };
}

/** 300 → "300s", "5 minutes" → "5m". */
export function meantDuration(value: unknown): string | undefined {
  const read = quantity(value);
  return read && `${read.count}${read.word === "" ? "s" : (timeWords[read.word] ?? read.word)}`;
}

/** 1000 → "1000B", "25 mb" → "25MB". */
export function meantSize(value: unknown): string | undefined {
  const read = quantity(value);
  return read && `${read.count}${read.word === "" ? "B" : (sizeWords[read.word] ?? read.word)}`;
}

/** 0.1 and 10 → "10%". */
export function meantPercent(value: unknown): string | undefined {
  const number = typeof value === "string" ? Number(value.replace("%", "") || Number.NaN) : value;
  if (typeof number !== "number" || !(number >= 0 && number <= 100)) {
    return undefined;
  }
  return `${Math.round(number < 1 ? number * 100 : number)}%`;
}

/** 10 → "10x". */
export function meantFactor(value: unknown): string | undefined {
  return typeof value === "number" || (typeof value === "string" && /^\d+$/.test(value)) ? `${value}x` : undefined;
}

/** "10" → 10. */
export function meantInteger(value: unknown): number | undefined {
  return typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/** "yes" → true, 0 → false. */
export function meantFlag(value: unknown): boolean | undefined {
  const word = String(value).toLowerCase();
  return ["true", "yes", "on", "1"].includes(word)
    ? true
    : ["false", "no", "off", "0"].includes(word)
      ? false
      : undefined;
}
