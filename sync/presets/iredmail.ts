/**
 * iRedMail on PostgreSQL or MariaDB (0.9.7 and later). Mailboxes and aliases have rows in `forwardings`, whose address
 * is the bare domain for a catch-all; lists have their own tables. A domain of `alias_domain` has the addresses of its
 * target.
 */
import { defineQuery } from "./preset.ts";

export const iredmail = defineQuery({
  name: "iredmail",
  about: {
    product: 'iRedMail with SQL (`type = "sql"`)',
    objects: "active rows of mailbox, forwardings, alias, maillists and alias_domain",
    addresses: "username, address; those of forwardings again in the alias domains",
  },
  query: `SELECT username AS address, 'account' AS kind FROM mailbox WHERE active = 1 AND enabledeliver = 1
UNION ALL SELECT CASE WHEN address = domain THEN concat('@', domain) ELSE address END, 'alias' FROM forwardings
  WHERE active = 1 AND is_mailbox = 0
UNION ALL SELECT address, 'group' FROM alias WHERE active = 1
UNION ALL SELECT address, 'group' FROM maillists WHERE active = 1
UNION ALL SELECT CASE WHEN f.address = f.domain THEN concat('@', d.alias_domain)
    ELSE replace(f.address, concat('@', d.target_domain), concat('@', d.alias_domain)) END, 'alias'
  FROM forwardings f JOIN alias_domain d ON f.domain = d.target_domain WHERE f.active = 1 AND d.active = 1`,
});
