/** From a directory server to the relay's answer: `goodmailto sync` as a process, then lookups. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { parseMailbox } from "../../src/mail/address.ts";
import { silentLog } from "../../src/report/log.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { missing } from "../fakes/need.ts";
import { startSlapd } from "../fakes/slapd.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";
import { main } from "../program.ts";
import { kontor } from "./reading.ts";

const directories = new URL("../directories/", import.meta.url).pathname;

/** Runs the verb. */
function sync(config: string): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, "sync", "-c", config], { timeout: 20_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

/** What the relay would say to every line of the expectations. */
async function wrongVerdicts(path: string): Promise<string[]> {
  const reader = openSnapshot(path, silentLog);
  const always = ["postmaster", "abuse"];
  const { find } = createRecipients(reader, kontor, { match: "address", always, recipient_delimiter: "+" });
  const text = await readFile(`${directories}domino.expected.tsv`, "utf8");
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  expect(lines.length).toBeGreaterThan(190);
  const wrong = lines.filter((line) => {
    const [address = "", verdict = ""] = line.split("\t");
    const mailbox = parseMailbox(address);
    const ours = mailbox !== undefined && (mailbox.domain === "" || kontor.canonical(mailbox.domain) !== undefined);
    return (ours && find(mailbox).kind === "known" ? "accept" : "reject") !== verdict;
  });
  reader.close();
  return wrong;
}

describe.skipIf(missing("slapd"))("goodmailto sync from slapd", () => {
  it("makes a snapshot that answers as Domino does, and leaves it alone when the directory is gone", async () => {
    const slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson", `${directories}domino.schema`],
      ldif: await readFile(`${directories}domino.ldif`, "utf8"),
    });
    const folder = temporaryFolder();
    const config = join(folder, "goodmailto.toml");
    const path = join(folder, "snapshot.sqlite");
    try {
      await writeFile(
        config,
        `[domains]
relay = ["kontor.example"]
aliases = { "kontor.test" = "kontor.example" }
[snapshot]
path = "snapshot.sqlite"
[[source]]
name = "domino"
type = "ldap"
preset = "domino"
notes_domain = "KONTOR"
page_size = 7
url = ["${slapd.ldap}"]
`,
      );
      expect(await sync(config)).toMatchObject({ code: 0, stdout: expect.stringMatching(/from 65 entries/) as string });
    } finally {
      await slapd.stop();
    }
    expect(await wrongVerdicts(path)).toEqual([]);
    const before = await readFile(path);
    expect(await sync(config)).toMatchObject({ code: 75, stderr: expect.stringContaining("source failed") as string });
    expect(before.equals(await readFile(path))).toBe(true);
  });
});
