/**
 * mailcow, as its own Postfix maps ask: a mailbox or an alias is active with 1 and with 2 (no login, mail only), an alias
 * domain has the mailboxes of its target, temporary aliases end at a time, and `@domain` is a catch-all.
 */
import { defineQuery } from "./preset.ts";

export const mailcow = defineQuery({
  name: "mailcow",
  about: {
    product: 'mailcow (`type = "sql"`)',
    objects: "active rows of mailbox, alias, alias_domain and spamalias",
    addresses: "username, address; mailboxes again in the alias domains",
  },
  query: `SELECT username AS address, CASE WHEN kind IN ('location', 'thing', 'group') THEN 'resource' ELSE 'account' END AS kind
  FROM mailbox WHERE active IN ('1', '2')
UNION ALL SELECT address, 'alias' FROM alias WHERE active IN ('1', '2')
UNION ALL SELECT concat(m.local_part, '@', d.alias_domain), 'alias'
  FROM mailbox m JOIN alias_domain d ON m.domain = d.target_domain WHERE m.active IN ('1', '2') AND d.active = '1'
UNION ALL SELECT address, 'alias' FROM spamalias WHERE validity >= UNIX_TIMESTAMP()`,
});
