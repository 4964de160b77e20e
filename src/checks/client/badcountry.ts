/** badcountry: one sentence on what it refuses, from which RFC or original. */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { foldAscii } from "../../mail/address.ts";
import { reply } from "../../mail/reply.ts";

const refused = refuse("listed", reply(550, "5.7.1", "Local policy refuses this name"));

export const badcountry: CheckDefinition = defineCheck({
  name: "badcountry",
  doc: "Refuses clients that greet with one of these names.",
  stage: "policy",
  hooks: ["helo"],
  settings: { names: field.list([], "Names that are refused.") },
  reasons: { listed: "name in HELO is listed" },
  unless: ["relay client", "authenticated"],
  create({ names }) {
    const listed = new Set(names.map(foldAscii));
    return { helo: ({ variables }) => (listed.has(foldAscii(variables.get("SMTPHELOHOST") ?? "")) ? refused : pass) };
  },
});
