/** Debian's qpsmtpd 0.94-5 on loopback, in a folder of its own. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";

import { Program } from "../end-to-end/scene.ts";
import type { Mend } from "./row.ts";
import { freePort } from "../fakes/free-port.ts";

/** What is in its configuration folder. */
export interface QpsmtpdPlan {
  /** Lines of config/plugins in front of rcpt_ok and the queue. */
  readonly plugins: string;
  readonly mend?: Mend | undefined;
  readonly files: Readonly<Record<string, string>>;
  /** Port of the name server on 127.0.0.1 that its plugins ask. */
  readonly dnsPort: number;
  /** Perl modules by their path, for plugins that want what Debian does not package. */
  readonly modules?: Readonly<Record<string, string>>;
  /** Listens on ::1. */
  readonly ipv6?: boolean;
}

/** One that runs. */
export interface Qpsmtpd {
  readonly port: number;
  /** Its configuration. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** The forkserver as Debian starts it, but that questions go to the name server of the test. */
const start = `
  BEGIN { $ENV{RES_NAMESERVERS} = "127.0.0.1" }
  use Net::DNS;
  my ($port) = shift =~ /^([0-9]+)$/;
  Net::DNS::Resolver->port($port);
  $0 = "/usr/bin/qpsmtpd-forkserver";
  do $0 or die $@ || $!;
`;

const packaged = "/usr/share/qpsmtpd/plugins";

/** A copy of a plugin without its mistake. @throws Error if the mistake is not there */
function writeMended({ plugin, wrong, right }: Mend, folder: string): void {
  const text = readFileSync(join(packaged, plugin), "utf8");
  if (!text.includes(wrong)) {
    throw new Error(`Cannot mend ${plugin}: it has no ${wrong}`);
  }
  writeFileSync(join(folder, plugin), text.replace(wrong, right));
}

/** Starts it and waits until it listens. */
export async function startQpsmtpd({
  plugins,
  mend,
  files,
  modules = {},
  dnsPort,
  ipv6,
}: QpsmtpdPlan): Promise<Qpsmtpd> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-qpsmtpd-"));
  for (const name of ["spool", "db", "mended", "mail", "mail/cur", "mail/new", "mail/tmp"]) {
    mkdirSync(join(folder, name), { mode: 0o700 });
  }
  const usual = {
    plugin_dirs: `${join(folder, "mended")}\n${packaged}`,
    spool_dir: join(folder, "spool"),
    loglevel: "6",
    me: "mx.kontor.example",
    rcpthosts: "kontor.example\nkontor.test",
    // `{db}` is a folder for a plugin's database.
    plugins: `${plugins.replaceAll("{db}", join(folder, "db"))}\nrcpt_ok\nqueue/maildir ${join(folder, "mail")}`,
  };
  for (const [name, text] of Object.entries({ ...usual, ...files })) {
    writeFileSync(join(folder, name), `${text}\n`);
  }
  if (mend !== undefined) {
    writeMended(mend, join(folder, "mended"));
  }
  for (const [path, text] of Object.entries(modules)) {
    mkdirSync(dirname(join(folder, "lib", path)), { recursive: true });
    writeFileSync(join(folder, "lib", path), text);
  }
  const port = await freePort();
  const words = [
    "-l",
    ipv6 === true ? "[::1]" : "127.0.0.1",
    "-p",
    String(port),
    "-u",
    userInfo().username,
    "-c",
    "100",
    "-m",
    "100",
  ];
  const program = new Program("perl", ["-T", "-I", join(folder, "lib"), "-e", start, String(dnsPort), ...words], {
    QPSMTPD_CONFIG: folder,
  });
  const stop = async (): Promise<void> => {
    await program.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await program.until(/Running as user/);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, folder, stop };
}
