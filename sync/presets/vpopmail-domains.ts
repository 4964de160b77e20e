/**
 * vpopmail's tables on MariaDB where it was built with --disable-many-domains: a table per domain, named like it with "_"
 * for dots and hyphens, and `valias` for all. A table that is missing is a fault, so that a typing error in `domains`
 * loses nobody.
 */
import { defineQuery } from "./preset.ts";

/** What may be in a query as it is. */
const plain = /^[a-z0-9][a-z0-9.-]*$/;
const aliases = "SELECT DISTINCT concat(alias, '@', domain) AS address, 'alias' AS kind FROM valias";

/** @throws RangeError if there is no domain, or one that has no table */
function queryOf(domains: readonly string[]): string {
  const odd = domains.find((domain) => !plain.test(domain));
  if (domains.length === 0 || odd !== undefined) {
    const why = odd === undefined ? "there is none" : `not "${odd}"`;
    throw new RangeError(`domains must name each domain that has a table, for preset "vpopmail-domains"; ${why}`);
  }
  const tables = domains.map(
    (domain) =>
      `SELECT concat(pw_name, '@${domain}') AS address, 'account' AS kind FROM \`${domain.replace(/[.-]/g, "_")}\``,
  );
  return [...tables, aliases].join("\nUNION ALL ");
}

export const vpopmailDomains = defineQuery({
  name: "vpopmail-domains",
  about: {
    product: 'vpopmail with MySQL and a table per domain, "many domains" off (`type = "sql"`)',
    objects: "rows of the table of each domain in `domains`, and of valias",
    addresses: "pw_name@domain, alias@domain",
    leftOut: "aliases in .qmail files",
  },
  query: queryOf,
});
