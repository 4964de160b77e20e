/** authlogger: one log line for each authentication that succeeded: who, from where, by which mechanism. Never a password. */
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { pass } from "../../hooks/verdict.ts";
import { printable } from "../../mail/reply.ts";

/** The check `authlogger`. The line: `authlogger: host: H ip: IP user: U method: M`. */
export const authlogger: CheckDefinition = defineCheck({
  name: "authlogger",
  doc: "Logs user, client and mechanism of each successful authentication, in one line that begins with the name of the check.",
  original:
    "qmail-spp plugin authlogger by Randjic, whose source is lost; the form of its line is goodmailto's own choice.",
  failure: "None: it uses only the session.",
  stage: "policy",
  hooks: ["auth"],
  settings: {},
  reasons: {},
  create: (_settings, { log }) => ({
    auth({ client, variables }) {
      const user = variables.get("SMTPAUTHUSER") ?? "";
      const method = variables.get("SMTPAUTHMETHOD") ?? "";
      const line = `host: ${client.host || client.ip} ip: ${client.ip} user: ${user} method: ${method}`;
      log.info("authlogger", printable(line));
      return pass;
    },
  }),
});
