/** Traffic as a relay hands it over, and the guard over it as a sync has it. */
import { writeFileSync } from "node:fs";

import { coreSections } from "../../src/config/schema.ts";
import { recipientSettings } from "../../src/config/recipients.ts";
import type { RecipientSettings } from "../../src/config/recipients.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { dayOf, hashed } from "../../src/traffic/record.ts";
import { printTraffic } from "../../src/traffic/text.ts";
import type { TrafficOptions } from "../../sync/traffic/options.ts";
import type { Domains } from "../../src/mail/domains.ts";
import * as z from "zod";

export const secret = "5a".repeat(32);
/** The time of a sync in tests. */
export const now = 1_700_000_000_000;

const usual = coreSections.sync.parse({});
const usualRecipients = z.object(recipientSettings).parse({});

/** Who got how many messages this week. "@domain" is a catch-all. */
export type Mail = Readonly<Record<string, number>>;

/** Writes what a relay would hand over. @param daysAgo when the mail came */
export function writeTraffic(
  path: string,
  mail: Mail,
  { daysAgo = 1, written = now, key = secret, match = "address" as "address" | "user-part" } = {},
): void {
  const form = createKeyedForm(key, match);
  const day = dayOf(written) - daysAgo;
  const records = Object.entries(mail).map(([address, messages]) => {
    const at = address.lastIndexOf("@");
    const named = { user: at === 0 ? undefined : address.slice(0, at), domain: address.slice(at + 1) };
    return { ...hashed(named, form), domain: named.domain, last: day, days: [[day, messages] as const] };
  });
  writeFileSync(path, printTraffic({ mark: form.mark, written, records }));
}

/** The guard, with the defaults of the configuration. */
export function guardBy(
  places: readonly string[],
  domains: Domains,
  more: Partial<TrafficOptions> & { readonly recipients?: Partial<RecipientSettings>; readonly named?: boolean } = {},
): TrafficOptions {
  const { recipients, named = true, ...rest } = more;
  const settings = { ...usualRecipients, ...recipients };
  const form = createKeyedForm(secret, settings.match);
  return {
    places: () => ({ from: { places, token: "", ca: undefined, mark: form.mark, named }, form }),
    recipientsOf: (asked) => createRecipients(asked, domains, settings),
    settings: "as ever",
    maxLoss: usual.max_traffic_loss,
    maxActive: usual.max_active_loss,
    ...rest,
  };
}
