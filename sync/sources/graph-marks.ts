/**
 * Up to where the changes of a tenant are known, as one word in the snapshot: the delta links of its collections. A
 * token is for the question that it answered, so a mark counts only for the same place.
 */
import { hash } from "node:crypto";

import { SourceFault } from "../source.ts";

/** Collection → delta link. */
export type Links = Readonly<Record<string, string | undefined>>;

/** Characters of a link; a longer one is not kept. */
const maxLink = 16_384;

/** "" if no collection has a link: then only a full reading finds changes. */
export function deltaMark(place: string, links: Links): string {
  const kept = Object.entries(links).filter(([, link]) => link !== undefined && link.length <= maxLink);
  return kept.length === 0
    ? ""
    : ["graph", digest(place), ...kept.map(([name, link]) => `${name}=${encodeURIComponent(link ?? "")}`)].join(" ");
}

/** @throws SourceFault "search" if the mark is of another place: only a full reading helps */
export function readLinks(place: string, mark: string): Links {
  const [word, of, ...links] = mark.split(" ");
  if (word !== "graph" || of !== digest(place)) {
    throw new SourceFault("search", "Changes cannot be found by delta tokens before the next full sync");
  }
  return Object.fromEntries(
    links.map((text) => {
      const [name = "", link = ""] = text.split("=", 2);
      return [name, decodeURIComponent(link)];
    }),
  );
}

function digest(place: string): string {
  return hash("sha256", place, "base64url").slice(0, 12);
}
