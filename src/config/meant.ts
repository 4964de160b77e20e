/** What somebody meant who wrote a value in another form: 300 for "300s", 0.1 for "10%", "yes" for true. */
import { isIPv6 } from "node:net";

import { everyAddress } from "../mail/network.ts";

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

/** 25, "25" and ":25" → "*:25", "192.0.2.1" → "192.0.2.1:25", "::1" → "[::1]:25". @param all the host for a port alone */
export function meantListener(value: unknown, all = everyAddress): string | undefined {
  const text = typeof value === "number" || typeof value === "string" ? String(value).trim() : "";
  const [, scheme = "", rest = ""] = /^(?:([a-z]+):\/\/)?(.*?)\/*$/i.exec(text) ?? [];
  const standard = /^smtps$/i.test(scheme) ? 465 : 25;
  const port = /^:?(\d{1,5})$/.exec(rest)?.[1];
  if (port !== undefined) {
    return `${all}:${port}`;
  }
  const host = isIPv6(rest) ? `[${rest}]` : rest.replace(/:$/, "");
  return host === "" || /:\d+$/.test(host) ? host : `${host}:${standard}`;
}

/** 9525 and "9525" → "127.0.0.1:9525"; without a port nobody knows which one was meant. */
export function meantEndpoint(value: unknown): string | undefined {
  const text = /(?:^|:)\d{1,5}\/*$/.test(String(value).trim()) ? meantListener(value, "127.0.0.1") : undefined;
  return text?.startsWith("127.0.0.1:") === true ? text : undefined;
}

/** "inside.example:25" → "smtp://inside.example:25", "MX" → "mx", "2001:db8::1" → "smtp://[2001:db8::1]". */
export function meantNextHop(value: unknown): string | undefined {
  const text = typeof value === "string" ? value.trim() : "";
  const [, scheme = "smtp", rest = ""] = /^(?:(smtps?):\/\/)?(.*?)\/*$/i.exec(text) ?? [];
  const host = isIPv6(rest) ? `[${rest}]` : rest;
  return /^mx$/i.test(rest) ? "mx" : `${scheme.toLowerCase()}://${host}`;
}
