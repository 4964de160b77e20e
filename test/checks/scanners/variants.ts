/** The checks that ask a service or a program about a message, each in every way that it holds or streams one. */
import { pipeProgram, filterProgram, noProgramAnswer, scannerProgram } from "../../fakes/content-programs.ts";
import { noAnswer } from "../../fakes/content-services.ts";
import type { ServiceName } from "../../fakes/content-services.ts";

/** A check with settings of its own. */
export interface Variant {
  readonly check: string;
  /** The small server that it asks, or the word of the field by which a message makes its program fail. */
  readonly asks: { readonly service: ServiceName } | { readonly program: string };
  /** Its section, but for timeout and on_error. @param place of the service */
  section(place: string): string;
  readonly faults: readonly string[];
  /** The reply that on_error gives, without its code. */
  readonly unable: string;
  /** The code of the reply to what the service condemns; undefined: it is marked. */
  readonly refuses: RegExp | undefined;
  /** The fields that are the check's own: it removes the sender's and adds its own. */
  readonly owns: RegExp;
  /** Shapes for which on_error applies: they cannot be taken apart and put together again. */
  readonly leaves?: readonly string[];
  /** A field that a message has if it was scanned. */
  readonly marks: RegExp | undefined;
}

const nothing = /^(?!)/;
const [viruses, spam] = ["Unable to scan for viruses", "Unable to scan for spam"];
const virusFields = /^x-virus-(?:found|details|checked)$/i;
/** A service that answers early is believed by none; those that gather the message are not asked before it is whole. */
const gathered = noAnswer.filter((fault) => fault !== "early");

const scanner = `preset = "custom"\ncommand = ["{folder}/scanner", "%f"]\ninfected_exits = ["50"]\nname_pattern = "threat='([^']*)'"`;
const filter = `command = ["{folder}/filter"]\nheaders = ["X-Mark"]`;

export const variants: Readonly<Record<string, Variant>> = {
  "clamav that streams": {
    check: "clamav",
    asks: { service: "clamd" },
    section: (place) => `socket = "${place}"`,
    faults: noAnswer,
    unable: viruses,
    refuses: /^554 5\.7\.1 Virus found: Test\.Virus$/,
    owns: nothing,
    marks: undefined,
  },
  "clamav that holds": {
    check: "clamav",
    asks: { service: "clamd" },
    section: (place) => `socket = "${place}"\naction = "header"`,
    faults: noAnswer,
    unable: viruses,
    refuses: undefined,
    owns: virusFields,
    marks: /^X-Virus-(?:Checked|Found): /m,
  },
  "scanner that streams": {
    check: "scanner",
    asks: { program: "Scanner" },
    section: () => scanner,
    faults: noProgramAnswer,
    unable: viruses,
    refuses: /^554 5\.7\.1 /,
    owns: nothing,
    marks: undefined,
  },
  "scanner that holds": {
    check: "scanner",
    asks: { program: "Scanner" },
    section: () => `${scanner}\naction = "header"`,
    faults: noProgramAnswer,
    unable: viruses,
    refuses: undefined,
    owns: virusFields,
    marks: /^X-Virus-(?:Checked|Found): /m,
  },
  "spamassassin that streams": {
    check: "spamassassin",
    asks: { service: "spamd" },
    section: (place) => `socket = "${place}"\nheaders = "none"\nreject_threshold = 20`,
    faults: gathered,
    unable: spam,
    refuses: /^554 5\.7\.1 spam score exceeded threshold$/,
    owns: nothing,
    marks: undefined,
  },
  "spamassassin that holds": {
    check: "spamassassin",
    asks: { service: "spamd" },
    section: (place) => `socket = "${place}"\nreject_threshold = 20`,
    faults: gathered,
    unable: spam,
    refuses: /^554 5\.7\.1 spam score exceeded threshold$/,
    owns: /^x-(?:old-)?spam-/i,
    marks: /^X-Spam-Flag: /m,
  },
  "rspamd that streams": {
    check: "rspamd",
    asks: { service: "rspamd" },
    section: (place) => `server = "${place}"\nheaders = "none"`,
    faults: gathered,
    unable: spam,
    refuses: /^554 5\.7\.1 Spam message rejected$/,
    owns: nothing,
    marks: undefined,
  },
  "rspamd that holds": {
    check: "rspamd",
    asks: { service: "rspamd" },
    section: (place) => `server = "${place}"`,
    faults: gathered,
    unable: spam,
    refuses: /^554 5\.7\.1 Spam message rejected$/,
    owns: /^x-spam(?:-score|-note)?$/i,
    marks: /^X-Spam-Score: 7\r$/m,
  },
  "filter of fields": {
    check: "filter",
    asks: { program: "Filter" },
    section: () => filter,
    faults: noProgramAnswer,
    unable: "Message cannot be filtered",
    refuses: /^554 5\.7\.1 Message refused$/,
    owns: /^x-mark$/i,
    marks: /^X-Mark: good\r$/m,
  },
  "filter of messages": {
    check: "filter",
    asks: { program: "Filter" },
    section: () => `${filter}\ntake = "message"`,
    leaves: [
      "8-bit headers",
      "lines that are no fields",
      "a field without end",
      "a blank continuation",
      "blanks before colons",
    ],
    faults: noProgramAnswer,
    unable: "Message cannot be filtered",
    refuses: /^554 5\.7\.1 Message refused$/,
    owns: /^x-mark$/i,
    marks: /^X-Mark: good\r$/m,
  },
};

/** The programs that they start, for the folder of a relay. */
export const programs = { scanner: scannerProgram, filter: filterProgram, pipe: pipeProgram };
