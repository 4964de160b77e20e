/** XFORWARD: whose message a named client hands on. It is logged, and decides nothing. Postfix's XFORWARD_README. */
import { isUtf8 } from "node:buffer";

import { fromXtext } from "../../mail/xtext.ts";
import { answers, say } from "../answers.ts";
import type { Response } from "../answers.ts";
import { reply } from "../../mail/reply.ts";
import type { Session } from "../../hooks/session.ts";
import type { Service } from "../service.ts";

const names: ReadonlySet<string> = new Set(["NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"]);
const bad = say(reply(501, "5.5.4", "Syntax: XFORWARD attribute=value..."));
/** Characters of a value, as it came. */
const longestValue = 255;

/** As EHLO offers it. */
export const xforwardOffer = `XFORWARD ${[...names].join(" ")}`;

/** Takes note of it. */
export function noteForwarded({ log }: Pick<Service, "log">, { id }: Session, argument: string): Response {
  const facts: Record<string, string> = {};
  const words = argument.split(" ").filter((word) => word !== "");
  for (const word of words) {
    const [, name = "", written = ""] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
    const value = written.length > longestValue ? undefined : fromXtext(written);
    if (!names.has(name.toUpperCase()) || value === undefined || !isUtf8(Buffer.from(value, "latin1"))) {
      return bad;
    }
    facts[`orig_${name.toLowerCase()}`] = Buffer.from(value, "latin1").toString("utf8");
  }
  if (words.length === 0) {
    return bad;
  }
  log.info("smtp", "client by XFORWARD", { session: id, ...facts });
  return answers.ok;
}
