/** The user parts that a user part stands for: without the tag of a signed return path, and without an extension. */
import type { OwnDomain } from "../config/own-domains.ts";
import type { RecipientSettings } from "../config/recipients.ts";
import { namesRoute, withoutExtension } from "../mail/address.ts";
import { withoutTag } from "../mail/return-path.ts";
import { createRouteTable } from "../mail/route-table.ts";

/**
 * The user parts that a user part stands for, in the order in which they are looked up: without the tag of a signature,
 * then what is before each delimiter. One that names a route stands for none: "bob+x%elsewhere" is not bob.
 */
export function otherForms(user: string, delimiters: string, signed: boolean): readonly string[] {
  if (namesRoute(user)) {
    return [];
  }
  const inner = signed ? withoutTag(user) : undefined;
  return inner === undefined
    ? withoutExtension(user, delimiters)
    : [inner, ...withoutExtension(inner, delimiters), ...withoutExtension(user, delimiters)];
}

/** What separates extensions at a domain in normal form, a sender's too. */
export function createDelimiters(
  { recipient_delimiter: common }: Pick<RecipientSettings, "recipient_delimiter">,
  own: readonly OwnDomain[],
): (domain: string) => string {
  const find = createRouteTable(own.map(({ name, recipient_delimiter: route }) => ({ domain: name, route })));
  return (domain) => find(domain) ?? common;
}
