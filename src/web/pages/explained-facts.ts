/** What the answer to a recipient was, as facts. */
import type { Facts } from "../../compose/explained.ts";
import { html } from "../html/markup.ts";
import type { Markup } from "../html/markup.ts";
import { facts, note, state } from "./parts.ts";

/** What `goodmailto explain` says; or why it is not known. */
export function factsOrDoubt(found: Facts | string): Markup {
  if (typeof found === "string") {
    return note(`Not known: ${found}`, "warning");
  }
  const {
    verdict,
    reply,
    why,
    list,
    served_from: from,
    since,
    key,
    kind,
    source,
    entry,
    domain,
    mode,
    next_hop: hop,
  } = found;
  const optional = (name: string, value: string | undefined): (readonly [string, string])[] =>
    value === undefined || value === "" ? [] : [[name, value]];
  return facts([
    ["Answer", state(verdict === "accepted" ? "good" : "fault", verdict)],
    ["Reply", html`<code>${reply}</code>`],
    ["Why", why],
    ["Since", since],
    ...optional("Found as", key === undefined ? undefined : `${key} (${kind ?? ""})`),
    ...optional("Source", source),
    ...optional("Entry", entry),
    ...optional("Domain", domain === undefined ? undefined : `[[domain]] "${domain}", mode ${mode ?? ""}`),
    ...optional("Next hop", hop?.join(" ")),
    ["List", `${list}, served from ${from}`],
  ]);
}
