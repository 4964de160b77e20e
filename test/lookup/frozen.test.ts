/** A goodmailto that is there and says nothing: real mail servers that ask it defer within the deadlines of docs/lookups.md. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { errorMessage } from "../../src/report/error-message.ts";
import { Scene } from "../end-to-end/scene.ts";
import type { Program } from "../end-to-end/scene.ts";
import { eximProgram, startExim } from "../fakes/exim.ts";
import { freePort } from "../fakes/free-port.ts";
import { freezeProcess } from "../fakes/frozen.ts";
import { notUnpacked } from "../fakes/jail.ts";
import { missing } from "../fakes/need.ts";
import { smtpdProgram, startOpenSmtpd } from "../fakes/opensmtpd.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import { sendmailProgram, startSendmail } from "../fakes/sendmail.ts";
import { blockOf } from "./page.ts";
import { askServer } from "./servers.ts";

const protocols = ["policy", "milter", "socketmap", "exim"] as const;
const address = "vera.yildiz@kontor.example";
const relaying = "  accept domains = +relay_to_domains\n";

/** A server that asks, with one second in place of the page's deadline. */
interface Asking {
  readonly port: number;
  stop(): Promise<unknown>;
}

/** Parameters of master.cf. */
function wordsOf(has: string, theirs: string, place: string): string {
  const block = blockOf("I keep my Postfix", has, { [theirs]: place, "= 10s": "= 1s" });
  const lines = [...block.matchAll(/^(\w+) = (.*)$/gm)];
  return lines.map(([, name, value = ""]) => `-o ${name}=${value.replaceAll(/,?\s+/g, ",")}`).join(" ");
}

const makers: Readonly<Record<string, (port: (protocol: (typeof protocols)[number]) => number) => Promise<Asking>>> = {
  "Postfix, policy": (port) => postfixWith(wordsOf("check_policy_service", ":10040", `:${port("policy")}`)),
  "Postfix, milter": (port) => postfixWith(wordsOf("smtpd_milters", ":10044", `:${port("milter")}`)),
  Exim: async (port) => {
    const places = { "127.0.0.1:10042": `127.0.0.1:${port("exim")}`, "{5s}": "{1s}" };
    return closing(await startExim(blockOf("I keep my Exim", "readsocket", places) + relaying));
  },
  "sendmail, milter": async (port) => {
    const places = { "local:/run/goodmailto/milter": `inet:${port("milter")}@127.0.0.1`, "R:10s": "R:1s" };
    return closing(await startSendmail(blockOf("I keep my sendmail", "INPUT_MAIL_FILTER", places)));
  },
  "sendmail, map": async (port) => {
    const places = { "inet:10041@127.0.0.1": `inet:${port("socketmap")}@127.0.0.1`, "-d10": "-d1" };
    return closing(await startSendmail(blockOf("I keep my sendmail", "Kgoodmailto", places)));
  },
  OpenSMTPD: async (port) => {
    const places = {
      "127.0.0.1:10040": `127.0.0.1:${port("policy")}`,
      "listen on 0.0.0.0 port 25": "listen on 127.0.0.1 port {port}",
    };
    return closing(await startOpenSmtpd(blockOf("I keep my OpenSMTPD", "proc-exec", places)));
  },
};

const closing = (server: { readonly port: number; close(): Promise<void> }): Asking => ({
  port: server.port,
  stop: () => server.close(),
});

/** To the recipient, or to MAIL: a milter may be missed there already. */
async function replyOf(port: number): Promise<string> {
  const [reply = ""] = await askServer(port, [address]).catch((error: unknown) => [errorMessage(error)]);
  return reply.replace(/^MAIL: /, "");
}

async function postfixWith(words: string): Promise<Asking> {
  const main = { relay_domains: "kontor.example", relay_transport: "discard:", mynetworks: "192.0.2.1/32" };
  const restrictions = { relay_recipient_maps: "", smtpd_relay_restrictions: "reject_unauth_destination" };
  const postfix = await startPostfix({ main: { ...main, ...restrictions }, listeners: { asking: words } });
  return { port: postfix.ports["asking"] ?? 0, stop: () => postfix.stop() };
}

const absent =
  missing("postfix") ||
  missing("m4") ||
  [eximProgram, sendmailProgram, smtpdProgram].some((program) => notUnpacked(program)) ||
  !isRoot();

describe.skipIf(absent)("a goodmailto that says nothing", () => {
  const scene = new Scene();
  const asking = new Map<string, Asking>();
  let program: Program;
  beforeAll(async () => {
    const ports = new Map<string, number>();
    for (const protocol of protocols) {
      ports.set(protocol, await freePort());
    }
    const sections = protocols.map(
      (name) =>
        `[[lookup]]\nname = "${name}"\nprotocol = "${name}"\nlisten = ["127.0.0.1:${ports.get(name)}"]\ntimeout = "60s"\n`,
    );
    const config = `[smtp]\nlisten = []\n[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n`;
    program = scene.start("serve", "--config", scene.write("goodmailto.toml", config + sections.join("")));
    await program.until(/relay: ready/);
    const made = Object.entries(makers).map(async ([name, make]) => {
      asking.set(name, await make((protocol) => ports.get(protocol) ?? 0));
    });
    await Promise.all(made);
  });
  afterAll(async () => {
    program?.child.kill("SIGCONT");
    await Promise.all([...asking.values()].map((one) => one.stop()));
    await scene.close();
  });

  it("has each of them defer in its time, and accept again afterwards", async () => {
    const codes = async (): Promise<Record<string, string>> => {
      const all = [...asking].map(async ([name, { port }]) => [name, (await replyOf(port)).slice(0, 3)]);
      return Object.fromEntries(await Promise.all(all)) as Record<string, string>;
    };
    const everybody = (code: string): unknown =>
      Object.fromEntries(Object.keys(makers).map((name) => [name, expect.stringMatching(code)]));
    // A second is short on a busy machine.
    await expect.poll(codes, { timeout: 20_000 }).toEqual(everybody("250"));
    freezeProcess(program.pid);
    const began = performance.now();
    expect(await codes()).toEqual(everybody("45[01]"));
    // Postfix asks a policy service twice; the filter of OpenSMTPD has five seconds of its own.
    expect(performance.now() - began).toBeLessThan(9000);
    program.child.kill("SIGCONT");
    await expect.poll(codes, { timeout: 20_000 }).toEqual(everybody("250"));
  });
});
