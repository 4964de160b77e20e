/** `[domains]` and `[clients]`: whose mail is relayed. */
import * as field from "./fields.ts";
import { lateSection, lateShape } from "./late.ts";
import * as text from "./texts.ts";

export const domains = lateSection(
  lateShape({
    relay: () =>
      field.listBy(
        text.domainRule,
        [],
        'Domains to accept mail for, as in qmail\'s rcpthosts: exact names; ".example.org" matches all subdomains of example.org, but not example.org itself.',
      ),
    aliases: () => field.table({}, 'Alias domains, each mapped to its relay domain: "kontor.test" = "kontor.example".'),
  }),
);

export const clients = lateSection(
  lateShape({
    rules: () =>
      field.file(
        "",
        "relay",
        "File of client rules in tcprules form (config/tcp.smtp is an example). Empty: no client is trusted.",
      ),
    relayclients: () =>
      field.listFile(
        "File of clients that may relay (RELAYCLIENT), in qpsmtpd's format: an address, a prefix (192.168. or 2001:db8:) or a block per line. Applied after the client rules, for every listener. A name without a folder is looked for in [control] folders. ::1 is only included if it is listed.",
      ),
    morerelayclients: () => field.listFile("The same as a cdb file whose keys are addresses and prefixes."),
    norelayclients: () =>
      field.listFile(
        "File of clients that may not relay, in the same format: removes RELAYCLIENT, wherever it comes from.",
      ),
  }),
);
