/** The programs of config/clients, run as qmail-smtpd runs them, which ask a real lookup. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";

const clients = join(import.meta.dirname, "../../config/clients");

describe.skipIf(missing("curl"))("the programs for qmail", () => {
  let relay: TestRelay;
  beforeAll(async () => {
    relay = await startTestRelay({
      config: '[smtp]\nlisten = []\n[[lookup]]\nname = "qd1"\nprotocol = "qd1"\nlisten = ["unix:{folder}/qd1"]\n',
      snapshot: [
        "vera@kontor.example",
        "a=b@kontor.example",
        { text: "urlaub@kontor.example", kind: "account", rule: "later" },
      ],
    });
  });
  afterAll(() => relay?.stop());

  async function run(program: string, address: string, socket = "qd1"): Promise<readonly [code: number, said: string]> {
    const env = {
      PATH: process.env["PATH"] ?? "",
      GOODMAILTO_SOCKET: join(relay.folder, socket),
      RECIPIENT: address,
      SMTPRCPTTO: address,
    };
    const child = spawn(join(clients, program), [], { env, stdio: ["ignore", "pipe", "inherit"], timeout: 10_000 });
    const ended = once(child, "close");
    const said = await text(child.stdout);
    const [code] = (await ended) as [number];
    return [code, said];
  }

  it.each([
    ["vera@kontor.example", 0, ""],
    ["a=b@kontor.example", 0, ""],
    ["nobody@kontor.example", 100, "E550 5.1.1 No such user here\n"],
    ["a=c@kontor.example", 100, "E550 5.1.1 No such user here\n"],
    ["urlaub@kontor.example", 111, "E450 4.2.1 Mailbox not available now, try again later\n"],
    ["x@elsewhere.example", 0, ""],
  ])("answer for %s", async (address, code, said) => {
    expect(await run("rcptcheck", address)).toEqual([code, ""]);
    expect(await run("goodmailto.spp", address)).toEqual([0, said]);
  });

  it("let everybody pass while nobody answers", async () => {
    expect(await run("rcptcheck", "nobody@kontor.example", "none")).toEqual([0, ""]);
    expect(await run("goodmailto.spp", "nobody@kontor.example", "none")).toEqual([0, ""]);
  });
});
