/**
 * What qpsmtpd's plugins for virus scanners ran, and how they read the answers: command, exit codes, names, texts,
 * header fields. Each preset is its plugin; `custom` is for any other program.
 */
import type { Ran } from "../../scanners/program.ts";

export const presetNames = [
  "aveclient",
  "bitdefender",
  "hbedv",
  "kavscanner",
  "sophie",
  "uvscan",
  "clamscan",
  "custom",
] as const;
export type PresetName = (typeof presetNames)[number];

/** What a run says of a message. `text`: of the reply, in place of the usual one. */
export type Judged =
  | { readonly kind: "clean" }
  | { readonly kind: "virus"; readonly names: string; readonly text: string }
  /** Refused in any case, virus or not. */
  | { readonly kind: "unwelcome"; readonly text: string }
  | { readonly kind: "unable"; readonly why: string; readonly text?: string };

/** What the rules of a preset may look at. */
export interface ProgramAnswer {
  readonly code: number;
  /** What it printed, line by line. */
  readonly lines: readonly string[];
  /** The relay's own name. */
  readonly host: string;
}

export interface Preset {
  /** Program and arguments; of sophie its socket. */
  readonly command: readonly string[];
  /** Bytes; larger messages are not scanned. */
  readonly maxSize: number;
  /** Only messages whose Content-Type is multipart are scanned. */
  readonly multipartOnly: boolean;
  /** Whether it refuses, and whether it adds fields. */
  readonly refuses: boolean;
  readonly marks: boolean;
  /** List file of names that are refused, all if it is empty; "" has none. */
  readonly denyFile: string;
  /** Names of the fields for a virus, its name, and a clean message. */
  readonly fields: { readonly found: string; readonly details: string; readonly checked: string };
  /** Value of the last of these. */
  checkedBy(host: string): string;
  judge(answer: ProgramAnswer): Judged;
}

const clean: Judged = { kind: "clean" };
const fields = { found: "X-Virus-Found", details: "X-Virus-Details", checked: "X-Virus-Checked" };
/** What hbedv and kavscanner kept of names. */
const longestNames = 60;
/** The limit of clamd's stream, for those that had none. */
const usualSize = 25_000_000;

function virus(names: string, text = `Virus found: ${names}`): Judged {
  // Without a name there is nothing behind the colon.
  return { kind: "virus", names, text: text.replace(/[: ]+$/, "") };
}

function unable({ code }: ProgramAnswer, text?: string): Judged {
  const why = `exit code ${code}`;
  return text === undefined ? { kind: "unable", why } : { kind: "unable", why, text };
}

/** The first group of a pattern in each line that it fits. */
function namesIn({ lines }: ProgramAnswer, pattern: RegExp): string[] {
  return lines.flatMap((line) => pattern.exec(line)?.[1] ?? []);
}

const usual = {
  maxSize: usualSize,
  multipartOnly: false,
  refuses: true,
  marks: false,
  denyFile: "",
  fields,
  checkedBy: (host: string) => `Checked by goodmailto on ${host}`,
};

export const presets: Readonly<Record<Exclude<PresetName, "custom">, Preset>> = {
  aveclient: {
    ...usual,
    command: ["/opt/kav/bin/aveclient", "-p", "/var/run/aveserver", "-s", "%f"],
    marks: true,
    checkedBy: (host) => `Checked by Kaspersky on ${host}`,
    judge(answer) {
      if ([2, 3, 4, 6, 8].includes(answer.code)) {
        return virus(`REPORT: ${answer.lines.slice(1).join(", ")}`);
      }
      const text = `Unable to scan for virus, please contact admin of ${answer.host}, if you feel this is an error!`;
      return answer.code === 0 ? clean : unable(answer, text);
    },
  },
  bitdefender: {
    ...usual,
    command: ["/opt/bdc/bdc", "--mail", "--all", "--arc", "%f"],
    maxSize: 131_072,
    multipartOnly: true,
    judge(answer) {
      const [name] = namesIn(answer, /infected: (.*)/);
      return name === undefined ? clean : virus(name, `Virus Found: ${name}`);
    },
  },
  hbedv: {
    ...usual,
    command: ["/usr/bin/antivir", "--archive-max-recursion=50", "--alltypes", "-z", "-noboot", "-nombr", "-rs", "%f"],
    marks: true,
    denyFile: "hbedv_deny",
    fields: {
      found: "X-H+BEDV-Virus-Found",
      details: "X-H+BEDV-Virus-Details",
      checked: "X-H+BEDV-Virus-Checked",
    },
    checkedBy: (host) => `Checked by H+BEDV AntiVir on ${host}`,
    judge(answer) {
      const names = [...new Set(namesIn(answer, /^ALERT: \[(\S+)[^\]]*\]/))].join(", ").slice(0, longestNames);
      if (answer.code === 0) {
        return clean;
      }
      return names !== "" || answer.code === 1 || answer.code === 3 ? virus(names) : unable(answer);
    },
  },
  kavscanner: {
    ...usual,
    command: ["/opt/AVP/kavscanner", "-Y", "-P", "-B", "-MP", "-MD", "-*", "%f"],
    refuses: false,
    marks: true,
    checkedBy: (host) => `Checked by Kaspersky on ${host}`,
    judge(answer) {
      const infected = namesIn(answer, /infected: (.*)/).join(", ");
      const suspected = namesIn(answer, /suspicion: (.*)/).join(", ");
      if ([2, 3, 4, 8].includes(answer.code)) {
        const both = [infected && `infected by: ${infected}`, suspected && `suspicions: ${suspected}`];
        return virus(both.filter(Boolean).join("; ").slice(0, longestNames));
      }
      return answer.code === 0 ? clean : unable(answer);
    },
  },
  sophie: {
    ...usual,
    command: ["/var/run/sophie"],
    maxSize: 131_072,
    multipartOnly: true,
    judge(answer) {
      const [text = ""] = answer.lines;
      const names = /^1:?(.*)$/.exec(text)?.[1];
      if (names !== undefined) {
        return virus(names, `${names.includes(",") ? "Viruses" : "Virus"} Found: ${names}`);
      }
      return text.startsWith("0") ? clean : { kind: "unable", why: `answer ${JSON.stringify(text.slice(0, 80))}` };
    },
  },
  uvscan: {
    ...usual,
    command: ["/usr/local/bin/uvscan", "--mime", "--unzip", "--secure", "--noboot", "%f"],
    maxSize: 250_000,
    multipartOnly: true,
    refuses: false,
    marks: true,
    checkedBy: (host) => `Checked by McAfee uvscan on ${host}`,
    judge(answer) {
      if (answer.lines.some((line) => line.includes("password-protected"))) {
        return { kind: "unwelcome", text: "We do not accept password-protected zip files!" };
      }
      if (answer.code === 0 || [2, 6, 8, 15].includes(answer.code)) {
        return answer.code === 0 ? clean : unable(answer);
      }
      const name = namesIn(answer, /Found (.*)/)[0] ?? "";
      return virus(name, `Virus Found: ${name}`);
    },
  },
  clamscan: {
    ...usual,
    command: ["clamscan", "--stdout", "--no-summary", "%f"],
    checkedBy: (host) => `by ClamAV on ${host}`,
    judge(answer) {
      if (answer.code === 1) {
        return virus(namesIn(answer, /^.* (\S+) FOUND$/)[0] ?? "");
      }
      return answer.code === 0 ? clean : unable(answer);
    },
  },
};

/** The rules of `custom`, as the settings have them. */
export interface CustomRules {
  readonly infectedExits: readonly string[];
  readonly cleanExits: readonly string[];
  /** "" has no name. */
  readonly namePattern: string;
}

/** A program that is in no preset. */
export function customPreset({ infectedExits, cleanExits, namePattern }: CustomRules): Preset {
  const pattern = namePattern === "" ? undefined : new RegExp(namePattern);
  return {
    ...usual,
    command: [],
    judge(answer) {
      const code = String(answer.code);
      if (infectedExits.includes(code)) {
        return virus(pattern === undefined ? "" : (namesIn(answer, pattern)[0] ?? ""));
      }
      return cleanExits.includes(code) ? clean : unable(answer);
    },
  };
}

/** What a program printed, line by line, each as long as a header line at most. */
export function linesOf({ output, errors }: Ran): string[] {
  const text = Buffer.concat([output, errors]).toString("latin1");
  const lines = text.split(/\r?\n/).map((line) => line.slice(0, 998));
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}
