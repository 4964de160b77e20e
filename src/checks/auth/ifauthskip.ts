/**
 * ifauthskip: for a client that has authenticated, the later checks are skipped at each recipient. Put it before those
 * checks, such as rblspp.
 */
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { next, pass } from "../../hooks/verdict.ts";

/** The check `ifauthskip`. It does not open the relay: no check can. */
export const ifauthskip: CheckDefinition = defineCheck({
  name: "ifauthskip",
  doc: "Skips the checks after it (blocklists, plugins, the directory) at each RCPT for a client that has authenticated. The relay domains still apply.",
  original: "qmail-spp plugin ifauthskip by Randjic, whose source is lost.",
  failure: "None: it uses only the session.",
  stage: "policy",
  hooks: ["rcpt"],
  settings: {},
  reasons: {},
  create: () => ({
    rcpt: (session) => (session.has("SMTPAUTHUSER") ? next : pass),
  }),
});
