/**
 * authrequired: no mail from a client that has not authenticated. For submission, RFC 6409; the code is RFC 4954 6's.
 */
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";

const refused = refuse("required", reply(530, "5.7.0", "Authentication required"));

/** The check `authrequired`. SMTPAUTHUSER names the authenticated user, even if a plugin set it. */
export const authrequired: CheckDefinition = defineCheck({
  name: "authrequired",
  doc: "Refuses MAIL with 530 unless the client has authenticated. For submission listeners (587, 465) only; on port 25 it would refuse all incoming mail.",
  original: "qmail-spp plugin authrequired by Randjic, whose source is lost; qpsmtpd's restrict_submission.",
  failure: "None: it uses only the session.",
  stage: "policy",
  hooks: ["mail"],
  settings: {},
  reasons: { required: "authentication required" },
  create: () => ({
    mail: (session) => (session.has("SMTPAUTHUSER") ? pass : refused),
  }),
});
