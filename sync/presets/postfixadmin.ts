/**
 * PostfixAdmin, on PostgreSQL, MariaDB or SQLite. Each mailbox has a row in `alias` too; `@domain` there is a catch-all.
 * A domain of `alias_domain` has every address of its target.
 */
import { defineQuery } from "./preset.ts";

export const postfixadmin = defineQuery({
  name: "postfixadmin",
  about: {
    product: 'PostfixAdmin (`type = "sql"`)',
    objects: "active rows of alias, mailbox and alias_domain",
    addresses: "address, username; each again in the alias domains",
  },
  query: `SELECT address, CASE WHEN address = goto THEN 'account' ELSE 'alias' END AS kind FROM alias WHERE active
UNION ALL SELECT username, 'account' FROM mailbox WHERE active
UNION ALL SELECT replace(a.address, concat('@', d.target_domain), concat('@', d.alias_domain)), 'alias'
  FROM alias a JOIN alias_domain d ON a.domain = d.target_domain WHERE a.active AND d.active`,
});
