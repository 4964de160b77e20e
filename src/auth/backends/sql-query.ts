/** The query of the back end sql: which placeholders it has, and what they stand for. */
import { foldAscii } from "../../mail/address.ts";

const words = ["user", "name", "domain"] as const;
const placeholder = /:(user|name|domain)\b/g;

/** A query with `?` for every placeholder. */
export interface UserQuery {
  readonly sql: string;
  /** What each placeholder stands for. */
  readonly wants: readonly (typeof words)[number][];
}

/** Reads a query; undefined where its placeholders are not `?` and `?`, or `:user`, `:name`, `:domain`. */
export function parseQuery(query: string): UserQuery | undefined {
  const named = [...query.matchAll(placeholder)].flatMap(([, word]) => words.filter((one) => one === word));
  const bare = query.split("?").length - 1;
  if (named.length > 0) {
    return bare > 0 ? undefined : { sql: query.replaceAll(placeholder, "?"), wants: named };
  }
  return bare === 2 ? { sql: query, wants: ["name", "domain"] } : undefined;
}

/**
 * The values for a user, in small letters as vpopmail has them; undefined for one without a domain where the query asks
 * for it: no user of this database.
 * @param canonical the domain that an alias domain stands for
 */
export function valuesFor(
  { wants }: UserQuery,
  user: string,
  canonical: (domain: string) => string | undefined,
): string[] | undefined {
  const folded = foldAscii(user);
  const at = folded.lastIndexOf("@");
  if (at <= 0 && wants.some((word) => word !== "user")) {
    return undefined;
  }
  const given = folded.slice(at + 1);
  const domain = at <= 0 ? "" : (canonical(given) ?? given);
  const name = at <= 0 ? folded : folded.slice(0, at);
  const values = { user: at <= 0 ? folded : `${name}@${domain}`, name, domain };
  return wants.map((word) => values[word]);
}
