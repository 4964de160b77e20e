/**
 * Sendmail's socketmap protocol, which Postfix speaks too: a netstring `MAP KEY`, answered by `OK KEY`, `NOTFOUND `,
 * `TEMP REASON` or `PERM REASON`. socketmap_table(5), sendmail's doc/op "socket map". The name of the map does not matter.
 */
import { after } from "../../smtp/session/outcome.ts";
import { stateless } from "../protocol.ts";
import type { Taken } from "../protocol.ts";
import { lookUp, refusalIn } from "../table.ts";

/** A map's name and an address are far shorter. */
const longest = 1000;
const netstring = /^(0|[1-9]\d{0,8}):/;

const frame = (text: string): string => `${text.length}:${text},`;
const absent = "NOTFOUND ";
const postponed = "TEMP try again later";
const notFound = frame(absent);
const later = frame(postponed);

function take(input: Buffer): Taken<string> | undefined {
  const head = input.toString("latin1", 0, 10);
  const [start = "", digits] = netstring.exec(head) ?? [];
  if (digits === undefined) {
    return /^(?:|0|[1-9]\d{0,8})$/.test(head) ? undefined : { fault: frame("PERM not a netstring") };
  }
  const length = Number(digits);
  if (length > longest) {
    return { fault: frame("PERM request too long") };
  }
  const end = start.length + length;
  if (input.length <= end) {
    return undefined;
  }
  return input[end] === 0x2c
    ? { request: input.toString("latin1", start.length, end), octets: end + 1 }
    : { fault: frame("PERM not a netstring") };
}

export const socketmap = stateless<string>(longest + 12, refusalIn(absent.trimEnd(), postponed), {
  take,
  answer: (request, asker) => {
    const blank = request.indexOf(" ");
    if (blank <= 0) {
      return frame("PERM not a map and a key");
    }
    const key = request.slice(blank + 1);
    return after(lookUp(key, asker), (found) =>
      found === "there" ? frame(`OK ${key}`) : found === "absent" ? notFound : later,
    );
  },
  later,
});
