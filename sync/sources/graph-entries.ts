/** Objects of Microsoft Graph as entries. */
import { convertEntries, type Rules } from "../convert/addresses.ts";
import type { Entry } from "../entry.ts";
import { createLeftOuts } from "../left-out.ts";
import type { Batch } from "../source.ts";
import type { Collection } from "./graph-reader.ts";
import { type JsonObject, textOf } from "./web-answer.ts";
import { valuesIn } from "./web-pages.ts";

/** Converts a page. */
export function batchOf(
  items: readonly JsonObject[],
  { entryClass }: Pick<Collection, "entryClass">,
  rules: Rules,
): Batch {
  const out = createLeftOuts();
  const entries = items.map((item): Entry => {
    const isGuest = textOf(item["userType"]).toLowerCase() === "guest";
    const name = valuesIn(item, "userPrincipalName");
    const mail = valuesIn(item, "mail");
    const proxies = valuesIn(item, "proxyAddresses");
    const dn = `${entryClass} ${name[0] ?? mail[0] ?? (textOf(item["displayName"]) || textOf(item["id"]))}`;
    // The name of a guest is made up from an address elsewhere, which is in mail: anna_elsewhere.example#EXT#@….
    if (isGuest) {
      name.forEach((text) => out.of(dn, "userprincipalname")(text, "name of a guest"));
    }
    const hasMailbox = !isUnlicensed(item) || mail.length + proxies.length > 0;
    return {
      dn,
      attributes: new Map([
        ["objectclass", [entryClass]],
        ["proxyaddresses", proxies],
        ["mail", mail],
        ["userprincipalname", isGuest ? [] : name],
        ["mailbox", hasMailbox ? [] : ["none"]],
      ]),
    };
  });
  const batch = convertEntries(entries, rules);
  return {
    ...batch,
    skipped: { ...batch.skipped, ...out.skipped },
    left: [...(batch.left ?? []), ...out.left],
  };
}

/** It says that it has no licence; where it says nothing, it may have one. A group and a contact need none. */
function isUnlicensed({ assignedLicenses: licences }: JsonObject): boolean {
  return Array.isArray(licences) && licences.length === 0;
}
