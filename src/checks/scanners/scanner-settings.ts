/** The settings of the check scanner, and what they come to: a preset, what it does with a virus, a program to ask. */
import type * as z from "zod";

import type { SettingFault } from "../../config/check-words.ts";
import * as field from "../../config/fields.ts";
import { groupNumber } from "../../files/group.ts";
import { patternsFor } from "../../files/patterns.ts";
import type { Scanner } from "../../hooks/scanner.ts";
import type { Services } from "../../hooks/services.ts";
import { parseMailbox } from "../../mail/address.ts";
import { pathSocket } from "../../scanners/path-socket.ts";
import type { Said } from "../../scanners/path-socket.ts";
import { program } from "../../scanners/program.ts";
import type { Ran } from "../../scanners/program.ts";
import { Slots } from "../../wait/slots.ts";
import { onErrorField } from "./no-answer.ts";
import { customPreset, presetNames, presets } from "./presets.ts";
import type { Preset } from "./presets.ts";

/** Without a field at the beginning that they know, scanners take a file for text, and decode no part of it. */
const lead = Buffer.from("Received: by goodmailto\r\n");
/** Characters of a line that the pattern of a name sees. RFC 5322 2.1.1. */
const longestLine = 998;
/** What programs may print to standard output and standard error, each; bytes. */
const maxOutput = 262_144;

function isSoundPattern(text: string): boolean {
  return text === "" || !("fault" in patternsFor({ longest: longestLine })(text));
}

export const settings = {
  preset: field.choice(
    presetNames,
    "clamscan",
    "Which program to use, with the command, exit codes, names, size limit, replies and header fields of qpsmtpd's plugin of this name. custom: defined by the settings below.",
  ),
  command: field.list(
    [],
    "Program and arguments instead of the preset's, without a shell; %f is the path of the message. For sophie, the path of its socket. The rules of the preset still apply. The first word is a path, or is looked for in `path`.",
  ),
  action: field.choice(
    ["preset", "reject", "header"],
    "preset",
    "reject: refuse infected messages. header: accept them, and add X-Virus-Found and X-Virus-Details, or X-Virus-Checked to clean ones; messages are spooled meanwhile. preset: as in the plugin (kavscanner and uvscan added fields, aveclient and hbedv did both, the others refused).",
  ),
  messages: field.choice(
    ["preset", "all", "multipart"],
    "preset",
    "Which messages are scanned: all, or those whose Content-Type is multipart, as bitdefender, sophie and uvscan did.",
  ),
  max_size: field.size(
    "0B",
    "Larger messages are accepted unscanned. 0B: the preset's limit, which is 128 KiB for bitdefender and sophie, 250000 bytes for uvscan, 25 MB for the others.",
  ),
  infected_exits: field.list(["1"], "Exit codes of `custom` that mean a virus."),
  clean_exits: field.list(["0"], "Exit codes of `custom` that mean no virus. For all others on_error applies."),
  name_pattern: field.textBy(
    { allowed: "a regular expression that no text can slow down", fits: isSoundPattern },
    "",
    "For `custom`: regular expression for lines of the output that contain a virus name; the first group is the name.",
  ),
  deny_file: field.listFile(
    "File of virus names that are refused, one regular expression per line, which must match the complete name; case does not matter. Empty: all names. For the preset hbedv the default is hbedv_deny.",
  ),
  bcc_virusadmin: field.textBy(
    { allowed: "an address", fits: (text) => text === "" || parseMailbox(text) !== undefined },
    "",
    "Address that gets a copy of each infected message that is accepted, as in kavscanner. Needs action = header.",
  ),
  input: field.choice(
    ["file", "stdin"],
    "file",
    "stdin: the message is the program's standard input, instead of a file.",
  ),
  group: field.text(
    "",
    "Group that may read the file, for daemons that run as another user. The relay's user must be a member. Empty: the relay's own group.",
  ),
  path: field.text("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PATH of the program."),
  timeout: field.duration(
    "60s",
    "Time limit of a run, including the time that it waits to start. If it is exceeded, the program and its children are killed, and on_error applies.",
    ["10ms", "8m"],
  ),
  max_processes: field.integer(
    4,
    1,
    1000,
    "Maximum number of programs running at the same time. Others wait for up to timeout.",
  ),
  on_error: onErrorField("pass"),
};
export type ScannerSettings = z.infer<z.ZodObject<typeof settings>>;

/** What is wrong with settings that do not fit together. */
export function faultsOf({ preset, command, input, group }: ScannerSettings): readonly SettingFault[] {
  const lacksFile = preset !== "sophie" && input === "file" && command.length > 0 && !command.join(" ").includes("%f");
  return [
    ...(preset === "custom" && command.length === 0
      ? [{ key: "command", message: "needs a program: preset custom has none of its own" }]
      : []),
    ...(lacksFile
      ? [
          {
            key: "command",
            message: 'needs an argument with %f, or input = "stdin": the program would not see the message',
          },
        ]
      : []),
    ...(group !== "" && groupNumber(group) === undefined
      ? [{ key: "group", message: "needs the name of a group of /etc/group, or a number" }]
      : []),
  ];
}

export function presetOf(chosen: ScannerSettings): Preset {
  const { preset, infected_exits: infectedExits, clean_exits: cleanExits, name_pattern: namePattern } = chosen;
  const rules = preset === "custom" ? customPreset({ infectedExits, cleanExits, namePattern }) : presets[preset];
  return {
    ...rules,
    command: chosen.command.length > 0 ? chosen.command : rules.command,
    maxSize: chosen.max_size > 0 ? chosen.max_size : rules.maxSize,
    multipartOnly: chosen.messages === "preset" ? rules.multipartOnly : chosen.messages === "multipart",
    denyFile: chosen.deny_file || rules.denyFile,
    ...(chosen.action === "preset" ? {} : { refuses: chosen.action === "reject", marks: chosen.action === "header" }),
  };
}

/** Every listener makes its checks from the same settings; the bound on programs is for all of them together. */
const slotsOf = new WeakMap<object, Slots>();

/** What is asked: sophie at its socket, all others as programs. */
export function openScanner(chosen: ScannerSettings, preset: Preset, services: Services): Scanner<Ran | Said> {
  const { command, maxSize } = preset;
  const { timeout, path } = chosen;
  const limits = { maxSize, timeout };
  const place = { folder: services.scanner.folder, group: chosen.group === "" ? undefined : groupNumber(chosen.group) };
  if (chosen.preset === "sophie") {
    return services.scanner.open<Ran | Said>(pathSocket(command[0] ?? "", place, lead), limits);
  }
  const slots = slotsOf.get(chosen) ?? new Slots(chosen.max_processes);
  slotsOf.set(chosen, slots);
  const stdin = chosen.input === "stdin";
  return services.scanner.open<Ran | Said>(
    program({ command, place, stdin, lead, path, timeout, maxOutput, slots }),
    limits,
  );
}
