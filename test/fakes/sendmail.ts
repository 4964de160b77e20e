/** A real sendmail in a jail of its own, on a free port of loopback. It takes messages and delivers none. Needs root. */
import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";

import { Jailed, unpacked } from "./jail.ts";
import type { JailOptions } from "./jail.ts";

/** Without the first slash. */
export const sendmailProgram = "usr/libexec/sendmail/sendmail";
const cf = join(unpacked, "usr/share/sendmail/cf/");

/** Debian keeps programs of an administrator where the PATH of a user does not lead. */
const administrator = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
const sasl = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\nsasldb_path: /etc/sasldb2\n";
/** Where Cyrus SASL finds what asks for passwords; without the first slash. */
const saslFolders = globSync("/usr/lib/*-linux-gnu/sasl2").map((path) => path.slice(1));

/** Lines of sendmail.mc with which passwords may come in clear. */
const plainLogins = `define(\`confAUTH_MECHANISMS', \`PLAIN')
define(\`confAUTH_OPTIONS', \`')
TRUST_AUTH_MECH(\`PLAIN')`;

/** One at which a user may log in, whose password is "geheim". @param lines as of {@link startSendmail} */
export async function startSendmailWithLogin(lines: string, user: string): Promise<Jailed> {
  const sendmail = await startSendmail(`${plainLogins}\n${lines}`, true);
  const words = ["-p", "-c", "-f", join(sendmail.folder, "etc/sasldb2"), "-u", "sendmail.example", user];
  execFileSync("saslpasswd2", words, { input: "geheim", env: administrator, timeout: 20_000 });
  return sendmail;
}

/** Starts one. @param lines of sendmail.mc, in front of MAILER @param logins whether it knows Cyrus SASL */
export function startSendmail(lines: string, logins = false): Promise<Jailed> {
  const plugins = saslFolders.flatMap((path) => ["libplain.so", "libsasldb.so"].map((name) => join(path, name)));
  const options = (port: number): JailOptions => ({
    programs: [sendmailProgram, ...(logins ? plugins : [])],
    users: ["smmsp"],
    folders: [],
    files: {
      "etc/mail/sendmail.cf": made(configuration(port, lines)),
      "etc/mail/service.switch": "hosts files\naliases files\n",
      "etc/mail/relay-domains": "kontor.example\nkontor.test\nall.example\n",
      "etc/mail/sasl/Sendmail.conf.2": sasl,
      "etc/sasl2/Sendmail.conf": sasl,
      "etc/mail/aliases": "postmaster: root\n",
      "var/spool/mqueue/.keep": "",
      "var/run/.keep": "",
      "run/goodmailto/.keep": "",
    },
  });
  return Jailed.start(options, "-bD");
}

/** The sendmail.cf that m4 makes of a sendmail.mc. */
function made(input: string): string {
  return execFileSync("m4", [`-D_CF_DIR_=${cf}`, join(cf, "m4/cf.m4"), "-"], {
    input,
    encoding: "utf8",
    timeout: 20_000,
  });
}

/** Whom it takes mail for is in relay-domains; names are not looked up. */
const configuration = (port: number, lines: string): string => `VERSIONID(\`test')
OSTYPE(\`linux')
define(\`confDOMAIN_NAME', \`sendmail.example')
define(\`confSERVICE_SWITCH_FILE', \`/etc/mail/service.switch')
define(\`confTO_IDENT', \`0')
define(\`confBAD_RCPT_THROTTLE', \`0')
define(\`confDONT_PROBE_INTERFACES', \`True')
define(\`confDELIVERY_MODE', \`q')
define(\`confREFUSE_LA', \`1000')
define(\`confQUEUE_LA', \`1000')
FEATURE(\`no_default_msa')
FEATURE(\`nocanonify')
FEATURE(\`accept_unresolvable_domains')
DAEMON_OPTIONS(\`Addr=127.0.0.1, Port=${port}, Name=MTA')
define(\`SMART_HOST', \`esmtp:[192.0.2.25]')
${lines}
MAILER(\`smtp')
`;
