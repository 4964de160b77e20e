/** An address as part of a key of the state, which may be shared and outlives the snapshot: it holds no addresses in clear. */
import { hash } from "node:crypto";

import { normalKey } from "./address.ts";
import type { Mailbox } from "./address.ts";
import { withoutTag } from "./return-path.ts";

/** The same for one address in any letter case, and with the tag of a signature. @param mailbox undefined: the null sender */
export function addressHash(mailbox: Mailbox | undefined): string {
  const { user, domain } = mailbox ?? { user: "", domain: "" };
  return hash("sha256", normalKey(withoutTag(user) ?? user, domain), "base64url").slice(0, 22);
}
