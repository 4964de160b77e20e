/**
 * The recipients of each domain by its own settings: once over the list for `[recipients]` and once for each
 * `[[domain]]`, of which those that it decides about are taken.
 */
import { ownDomains } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import { createRouteTable } from "../mail/route-table.ts";
import type { Image } from "../snapshot/image.ts";
import { listDeliverable } from "./deliverable.ts";
import type { Deliverable, DomainNames } from "./deliverable.ts";

/**
 * Lists every recipient that the relay accepts.
 * @param now ms since 1970, by which `grace` is measured, as the relay does
 * @throws Error if the snapshot is hashed: it cannot be listed
 */
export function* listRecipients(
  image: Image,
  names: DomainNames,
  settings: Pick<Settings, "recipients" | "domain">,
  now: number,
): Generator<Deliverable> {
  const { recipients } = settings;
  const own = ownDomains(settings);
  if (own.length === 0) {
    yield* listDeliverable(image, names, recipients, now - recipients.grace);
    return;
  }
  const ownerOf = createRouteTable(own.map((one) => ({ domain: one.name, route: one })));
  for (const group of [undefined, ...own]) {
    const { grace, ...lookup } = group ?? recipients;
    const isMine = (domain: string): boolean => ownerOf(names.canonical(domain)) === group;
    const mine = [...names.all, ...names.suffixes, ...exactName(group?.name)].filter(isMine);
    const domains = [...new Set(mine.flatMap((domain) => names.namesOf(domain)))];
    for (const one of listDeliverable(image, names, lookup, now - grace)) {
      if (one.domain === "*") {
        yield* domains.map((domain) => ({ ...one, domain }));
      } else if (isMine(one.domain)) {
        yield one;
      }
    }
  }
}

/** A name below a relay domain with a dot can be listed, because somebody has written it. */
function exactName(name = "."): readonly string[] {
  return name.startsWith(".") ? [] : [name];
}
