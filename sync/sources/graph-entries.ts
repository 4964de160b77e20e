/** Objects of Microsoft Graph as entries. */
import { convertEntries } from "../convert/addresses.ts";
import type { Rules } from "../convert/rules.ts";
import type { Entry } from "../entry.ts";
import type { Batch } from "../source.ts";
import type { Collection } from "./graph-reader.ts";
import { type JsonObject, textOf } from "./web-answer.ts";
import { valuesIn } from "./web-pages.ts";

/** Converts a page. */
export function batchOf(items: readonly JsonObject[], { entryClass }: Collection, rules: Rules): Batch {
  return convertEntries(
    items.map((item) => entryOf(item, entryClass)),
    rules,
  );
}

function entryOf(item: JsonObject, entryClass: string): Entry {
  const name = valuesIn(item, "userPrincipalName");
  const mail = valuesIn(item, "mail");
  const proxies = valuesIn(item, "proxyAddresses");
  const hasMailbox = !isUnlicensed(item) || mail.length + proxies.length > 0;
  return {
    dn: `${entryClass} ${name[0] ?? mail[0] ?? (textOf(item["displayName"]) || textOf(item["id"]))}`,
    attributes: new Map([
      ["objectclass", [entryClass]],
      ["proxyaddresses", proxies],
      ["mail", mail],
      ["userprincipalname", name],
      ["mailbox", hasMailbox ? [] : ["none"]],
    ]),
  };
}

/** It says that it has no licence; where it says nothing, it may have one. A group and a contact need none. */
function isUnlicensed({ assignedLicenses: licences }: JsonObject): boolean {
  return Array.isArray(licences) && licences.length === 0;
}
