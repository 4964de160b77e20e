/**
 * vpopmail's tables on MariaDB: `vpopmail` (all domains in one) and `valias`. Aliases in .qmail files are not in the
 * database, and a catch-all is .qmail-default.
 */
import { defineQuery } from "./preset.ts";

export const vpopmail = defineQuery({
  name: "vpopmail",
  about: {
    product: 'vpopmail with MySQL (`type = "sql"`)',
    objects: "rows of vpopmail and valias",
    addresses: "pw_name@pw_domain, alias@domain",
    leftOut: "aliases in .qmail files",
  },
  query: `SELECT concat(pw_name, '@', pw_domain) AS address, 'account' AS kind FROM vpopmail
UNION ALL SELECT DISTINCT concat(alias, '@', domain), 'alias' FROM valias`,
});
