/** The daemon of `[recipients] live`, asked about a recipient that is not in the list. */
import { DeliverableClient } from "../../deliverable/client.ts";
import type { Said } from "../../deliverable/client.ts";
import { isAskable, meaningOf } from "../../deliverable/codes.ts";
import type { Meaning } from "../../deliverable/codes.ts";
import type { RecipientSettings } from "../../config/recipients.ts";
import type { Services } from "../../hooks/services.ts";
import { namesRoute, normalKey } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { parseLive } from "../../mail/network.ts";

/** Asks; undefined if nobody is to be asked. */
export type AskLive = (recipient: Mailbox) => Meaning | undefined | Promise<Meaning>;

/** Between two warnings about a daemon that does not answer; ms. */
const complainEvery = 60_000;

/** Compiles the settings into the question. */
export function createLive(
  settings: Pick<RecipientSettings, "live" | "live_timeout" | "live_cache">,
  { domains, log, now }: Pick<Services, "domains" | "log" | "now">,
): AskLive {
  const server = parseLive(settings.live);
  const client = new DeliverableClient({ timeout: settings.live_timeout, cache: settings.live_cache, now });
  let complainedAt = Number.NEGATIVE_INFINITY;
  const judge = (said: Said): Meaning => {
    const meaning = said.kind === "away" ? "untold" : meaningOf(said.code);
    if (meaning === "untold" && Math.abs(now() - complainedAt) >= complainEvery) {
      complainedAt = now();
      const why = said.kind === "away" ? said.why : `answer ${said.code}`;
      log.warning("goodmailto", "no live answer", { live: settings.live, why });
    }
    return meaning;
  };
  return ({ user, domain }) => {
    // A list alone may take an address that names a route, letter for letter.
    if (server === undefined || domain === "" || namesRoute(user)) {
      return undefined;
    }
    const address = normalKey(user, domains.canonical(domain) ?? domain);
    if (!isAskable(address)) {
      return undefined;
    }
    const said = client.ask(server, address);
    return said instanceof Promise ? said.then(judge) : judge(said);
  };
}
