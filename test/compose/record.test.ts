/** Where the journal is kept, and what a relay says where that cannot be. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, describe, expect, it, vi } from "vitest";

import { traceBeside } from "../../src/compose/trace-place.ts";
import { searchJournal } from "../../src/trace/search.ts";
import { readWanted } from "../../src/trace/search-keys.ts";
import { settingsOf, startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-record-"));
const running: TestRelay[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((relay) => relay.stop()));
  rmSync(folder, { recursive: true, force: true });
});

const start = async (config: string): Promise<TestRelay> => {
  const relay = await startTestRelay({ config, snapshot: ["vera"] });
  running.push(relay);
  return relay;
};

async function refuse({ port }: TestRelay): Promise<void> {
  const client = await SmtpClient.open(port);
  await client.reply();
  await client.command("FROB");
  await client.command("QUIT");
  client.close();
}

describe("the journal of a relay", () => {
  it("needs a place, and one that can be written to", async () => {
    await expect(start('[trace]\nkeep = "1d"\n')).rejects.toThrow(
      "[trace] keep: needs [trace] folder or [state] folder: the journal has no place without one",
    );
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "file"), "");
    await expect(start(`[trace]\nkeep = "1d"\nfolder = "${folder}/file/x"\n`)).rejects.toThrow(
      `[trace] folder: cannot write to "${folder}/file/x": a part of the path is not a folder (ENOTDIR)`,
    );
    await expect(start('[trace]\nkeep = "1d"\nfolder = "/proc/goodmailto/trace"\n')).rejects.toThrow(
      '[trace] folder: cannot write to "/proc/goodmailto/trace": no folder can be made in "/proc" (ENOENT)',
    );
    await expect(start(`[trace]\nkeep = "1d"\naddresses = "keyed"\nfolder = "${folder}"\n`)).rejects.toThrow(
      '[trace] addresses: "keyed" needs a secret in [snapshot] key_file',
    );
  });

  it("begins and ends with a reload, and keeps its settings where a reload is refused", async () => {
    const place = join(folder, "trace");
    const relay = await start("");
    await refuse(relay);
    relay.reload(`[trace]\nkeep = "1d"\nfolder = "${place}"\n`);
    await refuse(relay);
    const found = (): number => searchJournal(place, readWanted("127.0.0.1"), 0, 10).found.length;
    await vi.waitFor(() => expect(found()).toBe(1), 20_000);
    expect(() => relay.reload('[trace]\nkeep = "1d"\n')).toThrow("the journal has no place");
    await refuse(relay);
    await vi.waitFor(() => expect(found()).toBe(2), 20_000);
    relay.reload("");
    await refuse(relay);
    await relay.stop();
    running.length = 0;
    expect(found()).toBe(2);
  });

  it("is looked for where the relay has it; else a command says what is missing", () => {
    const settings = (text: string) => settingsOf(text, folder);
    expect(traceBeside(settings(`[trace]\nkeep = "1d"\nfolder = "${folder}/none"\n`))).toBe(
      `there is no journal in "${folder}/none": the relay makes it when it starts`,
    );
    expect(traceBeside(settings(`[state]\nfolder = "${folder}"\n`))).toBe(
      `there is no journal in "${folder}/trace": [trace] keep is 0s`,
    );
  });
});
