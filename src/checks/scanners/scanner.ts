/**
 * scanner: asks a program whether a message holds a virus. Its presets are qpsmtpd's plugins for products that are
 * gone, and clamscan; any other program has its exit codes in the settings.
 */
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { patternsFor } from "../../files/patterns.ts";
import type { Pattern } from "../../files/patterns.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { BodyView, WholeEdits } from "../../hooks/message.ts";
import type { NoAnswer } from "../../hooks/scanner.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { parseMailbox } from "../../mail/address.ts";
import { reply } from "../../mail/reply.ts";
import { errorMessage } from "../../report/error-message.ts";
import type { Log } from "../../report/log.ts";
import type { Said } from "../../scanners/path-socket.ts";
import type { Ran } from "../../scanners/program.ts";
import { isNoAnswer } from "../../scanners/scanners.ts";
import { wantedBy } from "./fields.ts";
import { shortName, withoutAnswer } from "./no-answer.ts";
import { linesOf } from "./presets.ts";
import type { Judged, Preset } from "./presets.ts";
import { faultsOf, openScanner, presetOf, settings } from "./scanner-settings.ts";

const unable = "Unable to scan for viruses";
/** Characters of a name that a pattern sees. */
const longestName = 128;

export const scanner: CheckDefinition = defineCheck({
  name: "scanner",
  doc: "Refuses messages in which a program finds a virus, or marks them. Messages of relay clients and logged-in users are scanned too. For ClamAV the check clamav is faster, because clamscan loads all signatures for each message.",
  original:
    "qpsmtpd plugins aveclient, bitdefender, hbedv, kavscanner, sophie and uvscan, each by its preset. on_error replaces aveclient's blockonerror. Preset clamscan, preset custom and the header fields of uvscan and kavscanner are goodmailto's.",
  failure:
    "If the program cannot be started, is killed by a signal or the time limit, or exits with a code that the preset does not know, on_error applies.",
  stage: "policy",
  hooks: ["message"],
  needs: "whole",
  settings,
  reasons: { virus: "virus found", unavailable: "virus scanner unavailable" },
  // What is declared in another file has lost its types here.
  faults: (chosen) => faultsOf(chosen as never),
  create(chosen, services) {
    const preset = presetOf(chosen);
    const { refuses, marks, multipartOnly, denyFile } = preset;
    const { hostname: host, lists, log } = services;
    const denied = lists.list(denyFile, readPatterns);
    const isDenied = (names: string): boolean => {
      const patterns = denied.current();
      return patterns.length === 0 || names.split(", ").some((name) => patterns.some((one) => one.matches(name)));
    };
    const isWanted = wantedBy(multipartOnly);
    const asked = openScanner(chosen, preset, services);
    const verdictOn = (answer: Ran | Said | NoAnswer, message?: WholeEdits) => {
      const judged = isNoAnswer(answer) ? answer : judge(preset, answer, host);
      switch (judged.kind) {
        case "unable":
          log.warning("scanner", "cannot scan", { preset: chosen.preset, why: judged.why });
          return withoutAnswer({ kind: "unavailable", why: judged.why }, chosen.on_error, judged.text ?? unable);
        case "skipped":
        case "unavailable":
          return withoutAnswer(judged, chosen.on_error, unable);
        case "clean":
          message?.insertHeader(0, `${preset.fields.checked}: ${preset.checkedBy(host)}`);
          return pass;
        case "unwelcome":
          return refuse("virus", reply(554, "5.7.1", judged.text));
        case "virus":
          if (refuses && isDenied(judged.names)) {
            return refuse("virus", reply(554, "5.7.1", judged.text));
          }
          if (message !== undefined) {
            mark(message, preset, judged.names);
            copyTo(chosen.bcc_virusadmin, message, log);
          }
          return pass;
      }
    };
    return {
      needs: marks ? "whole" : "tap",
      tap(_session, message: BodyView) {
        if (!isWanted(message)) {
          return undefined;
        }
        const scan = asked.begin();
        return {
          take: (content) => scan.take(content),
          end: async () => verdictOn(await scan.end(message.signal)),
          abandon: () => scan.abandon(),
        };
      },
      async message(_session, message) {
        Object.values(preset.fields).forEach((name) => message.deleteReceivedHeader(name));
        return isWanted(message) ? verdictOn(await asked.scan(message.content(), message.signal), message) : pass;
      },
    };
  },
});

function judge(preset: Preset, answer: Ran | Said, host: string): Judged {
  return answer.kind === "ran"
    ? preset.judge({ code: answer.code, lines: linesOf(answer), host })
    : preset.judge({ code: 0, lines: [answer.text], host });
}

function mark(message: WholeEdits, { fields }: Preset, names: string): void {
  message.insertHeader(0, `${fields.details}: ${shortName(names) || "unnamed"}`);
  message.insertHeader(0, `${fields.found}: Yes`);
}

function copyTo(address: string, message: WholeEdits, log: Log): void {
  const mailbox = address === "" ? undefined : parseMailbox(address);
  if (mailbox === undefined) {
    return;
  }
  try {
    message.addRecipient(mailbox);
  } catch (error) {
    log.warning("scanner", "cannot copy to bcc_virusadmin", { why: errorMessage(error) });
  }
}

/** The lines of deny_file, each for the whole name. */
function readPatterns(entries: readonly ListEntry[], skip: Remark): Pattern[] {
  const compile = patternsFor({ longest: longestName, ignoreCase: true });
  return entries.flatMap((entry) => {
    const pattern = compile(`^(?:${entry.text})$`);
    if ("fault" in pattern) {
      skip(entry, pattern.fault);
      return [];
    }
    return [pattern];
  });
}
