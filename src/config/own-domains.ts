/** `[[domain]]`: what holds for the recipients of one relay domain, in place of `[recipients]`. */
import * as z from "zod";

import { normalPattern } from "../mail/domains.ts";
import { createRouteTable } from "../mail/route-table.ts";
import { modeDoc } from "./check-sections.ts";
import { modes } from "./check-words.ts";
import * as field from "./fields.ts";
import { lateSection, lateShape } from "./late.ts";
import { recipientSettings } from "./recipients.ts";
import type { RecipientSettings } from "./recipients.ts";
import * as text from "./texts.ts";

/** A key of `[recipients]`, which follows it where it is not given. */
function own<T>(key: string, type: z.ZodType<T>): z.ZodOptional<z.ZodType<T>> {
  const doc = `As [recipients] ${key}. Not given: the same.`;
  // Around a default, `optional` would never be undefined.
  const { def } = type as unknown as { readonly def: { readonly innerType?: z.ZodType<T> } };
  const meta = { ...type.meta(), doc, inherits: true, from: "recipients" };
  return (def.innerType ?? type).optional().meta(meta);
}

/** One `[[domain]]`. */
export const domain = lateSection(
  lateShape({
    name: () =>
      field.textBy(
        text.domainRule,
        "kontor.example",
        'A relay domain, or ".name" for all its subdomains. An exact name comes first, then the longest one with a dot. Alias domains follow their relay domain.',
        { required: true },
      ),
    mode: () => own("mode", field.choice(modes, "enforce", modeDoc)),
    reply: () => own("reply", recipientSettings.reply),
    grace: () => own("grace", recipientSettings.grace),
    stale_after: () => own("stale_after", recipientSettings.stale_after),
    match: () => own("match", recipientSettings.match),
    recipient_delimiter: () => own("recipient_delimiter", recipientSettings.recipient_delimiter),
    always: () => own("always", recipientSettings.always),
    catch_all: () => own("catch_all", recipientSettings.catch_all),
  }),
  { required: ["name"] },
);

/** As the file has it. */
export type DomainSettings = z.infer<typeof domain>;

/** What holds in a domain: `[recipients]` with what its `[[domain]]` says instead. */
export interface OwnDomain extends RecipientSettings {
  /** In normal form. */
  readonly name: string;
}

/** The `[[domain]]` that counts for a relay domain in normal form. */
export function findOwnDomain(settings: Parameters<typeof ownDomains>[0], name: string): OwnDomain | undefined {
  return createRouteTable(ownDomains(settings).map((route) => ({ domain: route.name, route })))(name);
}

/** Whether the catch-all addresses that a directory has for a relay domain count. */
export function takesCatchAlls(settings: Parameters<typeof ownDomains>[0]): (domain: string) => boolean {
  const entries = ownDomains(settings).map(({ name, catch_all: route }) => ({ domain: name, route }));
  const find = createRouteTable(entries);
  return (domain) => (find(domain) ?? settings.recipients.catch_all) === "directory";
}

/** Completes each `[[domain]]`. */
export function ownDomains(settings: {
  readonly recipients: RecipientSettings;
  readonly domain: readonly DomainSettings[];
}): readonly OwnDomain[] {
  return settings.domain.map(({ name, ...own }) => ({
    ...settings.recipients,
    // A key that is not given is undefined, or not there.
    ...Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)),
    name: normalPattern(name) ?? name,
  }));
}
