/** `[sync] rewrite_after`, within what those who go by the age of a list allow. */
import { ownDomains } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";

/** A share of each such time: a list never looks older than it is by more. */
const share = 4;

/** From which age on an unchanged list is written again, in ms. */
export function rewriteAfterOf(settings: Settings): number {
  const { sync, snapshot, recipients } = settings;
  const stale = [recipients, ...ownDomains(settings)].map(({ stale_after: age }) => age).filter((age) => age > 0);
  return Math.min(sync.rewrite_after, ...[snapshot.max_age, ...stale].map((age) => age / share));
}
