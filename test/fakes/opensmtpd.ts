/** A real OpenSMTPD in a jail of its own, on a free port of loopback. It takes messages and delivers none. Needs root. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { Jailed } from "./jail.ts";
import type { JailOptions } from "./jail.ts";

/** Without the first slash. */
export const smtpdProgram = "usr/sbin/smtpd";
const filter = "config/clients/opensmtpd-filter";
/** Debian's Perl without its further modules. */
const perlBase = globSync("usr/lib/*-linux-gnu/perl-base", { cwd: "/" });

/**
 * Starts one, in whose machine goodmailto lies in /opt.
 * @param lines of smtpd.conf; `{port}` is where it must listen on loopback
 */
export function startOpenSmtpd(lines: string): Promise<Jailed> {
  const options = (port: number): JailOptions => ({
    programs: [smtpdProgram, "bin/sh", "usr/bin/perl"],
    trees: perlBase,
    users: ["opensmtpd", "opensmtpq"],
    folders: [],
    files: {
      "etc/smtpd.conf": lines.replaceAll("{port}", String(port)),
      "etc/mailname": "smtpd.example\n",
      [`opt/goodmailto/${filter}`]: readFileSync(join(import.meta.dirname, "../..", filter), "utf8"),
      "var/run/.keep": "",
      "var/spool/.keep": "",
      "var/lib/opensmtpd/empty/.keep": "",
    },
  });
  return Jailed.start(options, "-d");
}
