/** User parts that end by themselves: `user.5.count`, `user.count.5`, `user.until.20301231`. */
import { foldAscii } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";

/** What such a user part says. */
export type DisposableForm =
  | { readonly kind: "count"; readonly user: string; readonly count: number }
  /** `until` in ms since 1970: from then on it is refused. */
  | { readonly kind: "until"; readonly user: string; readonly until: number };

/** The words in lower case. */
export interface DisposableWords {
  readonly separator: string;
  readonly count: string;
  readonly until: string;
}

/** Reads a user part; undefined if it is none of these. */
export function disposableForm(text: string, { separator, count, until }: DisposableWords): DisposableForm | undefined {
  const folded = text.includes(separator) ? foldAscii(text) : "";
  if (!folded.includes(count) && !folded.includes(until)) {
    return undefined;
  }
  const parts = text.split(separator);
  const [one, other] = [foldAscii(parts.at(-2) ?? ""), foldAscii(parts.at(-1) ?? "")];
  const user = parts.slice(0, -2).join(separator);
  if (user === "") {
    return undefined;
  }
  const number = one === count ? other : other === count ? one : "";
  if (/^\d{1,9}$/.test(number)) {
    return { kind: "count", user, count: Number(number) };
  }
  const day = one === until ? dayOf(other) : other === until ? dayOf(one) : undefined;
  return day === undefined ? undefined : { kind: "until", user, until: day };
}

/** The beginning of a day, UTC; undefined if there is no such day. */
function dayOf(text: string): number | undefined {
  const [, year = "", month = "", day = ""] = /^(\d{4})(\d{2})(\d{2})$/.exec(text) ?? [];
  const time = Date.UTC(Number(year), Number(month) - 1, Number(day));
  const isDay = year !== "" && new Date(time).toISOString().startsWith(`${year}-${month}-${day}`);
  return isDay ? time : undefined;
}

/** The mailbox of another user part in the same domain; undefined if the user part has quotes. */
export function baseOf({ raw, user, domain }: Mailbox, base: string): Mailbox | undefined {
  return raw.startsWith(user) ? { raw: `${base}${raw.slice(user.length)}`, user: base, domain } : undefined;
}
