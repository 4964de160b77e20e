/**
 * The seeds' plugins in both shapes, by the same conversations: as built-in checks in the pipeline, and as the
 * programs of config/spp, run by the plugin host from the example files there.
 */
import { appendFileSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { authlogger } from "../../src/checks/auth/authlogger.ts";
import { authrequired } from "../../src/checks/auth/authrequired.ts";
import { ifauthskip } from "../../src/checks/auth/ifauthskip.ts";
import { rblspp } from "../../src/checks/lists/rblspp.ts";
import { spp } from "../../src/checks/programs/spp.ts";
import { verybadrcptto } from "../../src/checks/envelope/verybadrcptto.ts";
import type { CommandHook } from "../../src/hooks/hook-names.ts";
import { Pipeline } from "../../src/hooks/pipeline.ts";
import type { Step } from "../../src/hooks/step.ts";
import { stepOf } from "../hooks/steps.ts";
import type { Session } from "../../src/hooks/session.ts";
import { noCounters } from "../../src/report/counters.ts";
import { replyText } from "../../src/mail/reply.ts";
import { startDns } from "../fakes/dns.ts";
import { resolverOf } from "../dns/resolver-of.ts";
import type { FakeDns } from "../fakes/dns.ts";
import { atRecipient, mailbox, makeSession, RecordingLog, startCheck } from "./fixture.ts";

const examples = fileURLToPath(new URL("../../config/spp/", import.meta.url));
const node = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));
/** Listed by the block list alone, by both lists, by none. */
const ips = { listed: "192.0.2.7", cleared: "192.0.2.8", unknown: "192.0.2.9" };

type Words = { readonly answers: readonly string[]; readonly log: readonly string[] };

/** One hook's answer in a few words: a reply, or "pass" and the like. */
async function ask(pipeline: Pipeline, hook: CommandHook, session: Session): Promise<string> {
  const noted = await pipeline.run(hook, session, "note");
  const { verdict } =
    noted.verdict.kind === "pass" || hook === "rcpt" ? await pipeline.run(hook, session, "policy") : noted;
  return verdict.kind === "refuse" ? replyText(verdict.reply) : verdict.kind;
}

describe("the seeds' plugins, built in and as programs", () => {
  let home: string;
  let dns: FakeDns;

  beforeAll(async () => {
    dns = await startDns();
    for (const last of [7, 8]) {
      dns.add(`${last}.2.0.192.block.dns-list.example`, "A", "127.0.0.2");
      dns.add(`${last}.2.0.192.block.dns-list.example`, "TXT", "Listed as a sender of spam");
    }
    dns.add("8.2.0.192.allow.dns-list.example", "A", "127.0.0.2");
    // The test points of RFC 5782.
    dns.add("2.0.0.127.block.dns-list.example", "A", "127.0.0.2");
    dns.add("2.0.0.127.allow.dns-list.example", "A", "127.0.0.2");
    home = mkdtempSync(join(tmpdir(), "goodmailto-both-"));
    mkdirSync(join(home, "control"));
    symlinkSync(examples, join(home, "spp"));
    for (const name of ["smtpplugins", "msaplugins"]) {
      copyFileSync(join(examples, name), join(home, "control", name));
      appendFileSync(join(home, "control", name), "\n[auth]\nspp/authlogger\n");
    }
    writeFileSync(join(home, "control", "verybadrcptto"), "trap@example.test\n");
  });
  afterAll(async () => {
    rmSync(home, { recursive: true });
    await dns.close();
  });

  /** The same checks in both shapes; `submission` is the service with msaplugins. */
  const makePipeline = (shape: "checks" | "programs", submission: boolean, log: RecordingLog): Pipeline => {
    const resolver = resolverOf([dns.server]);
    const step = (check: typeof spp, values: Record<string, unknown> = {}): Step => {
      return stepOf(check, startCheck(check, values, log, Date.now, resolver));
    };
    if (shape === "programs") {
      return new Pipeline([step(spp, { home, path: `${node}:/usr/bin:/bin` })], log, noCounters);
    }
    const trap = step(verybadrcptto, { file: join(home, "control", "verybadrcptto") });
    const sources = ["a:allow.dns-list.example", "r:block.dns-list.example"];
    const lists = step(rblspp, { sources });
    const steps = submission
      ? [step(authrequired), step(authlogger)]
      : [trap, step(ifauthskip), lists, step(authlogger)];
    return new Pipeline(steps, log, noCounters);
  };

  /** A whole conversation: perhaps AUTH, then MAIL, recipients and DATA for each message. */
  const converse = async (
    shape: "checks" | "programs",
    { ip, user, submission = false, messages }: Conversation,
  ): Promise<Words> => {
    const log = new RecordingLog();
    const pipeline = makePipeline(shape, submission, log);
    const session = makeSession(
      { TCPREMOTEIP: ip, TCPREMOTEHOST: "client.test", DNSCACHEIP: dns.server },
      ip,
      "client.test",
    );
    if (submission) {
      session.variables.set("SPPCONFFILE", "control/msaplugins");
    }
    const answers = [await ask(pipeline, "connection", session)];
    if (user !== undefined) {
      session.variables.set("SMTPAUTHUSER", user).set("SMTPAUTHMETHOD", "plain");
      answers.push(await ask(pipeline, "auth", session));
    }
    for (const recipients of messages) {
      const transaction = session.begin(mailbox("sender@sender.test"));
      answers.push(await ask(pipeline, "mail", session));
      for (const recipient of recipients) {
        atRecipient(session, recipient);
        transaction.asked++;
        session.variables.set("SMTPRCPTTO", recipient);
        session.variables.set("SMTPRCPTCOUNT", String(transaction.accepted.length));
        session.variables.set("SMTPRCPTCOUNTALL", String(transaction.asked));
        const answer = await ask(pipeline, "rcpt", session);
        answers.push(answer);
        if (answer === "pass" || answer === "next") {
          transaction.accepted.push({ mailbox: mailbox(recipient) });
        }
      }
      const atData = await ask(pipeline, "data", session);
      answers.push(atData);
      if (atData.startsWith("554")) {
        // The transaction continues after a refusal at DATA: trying again must not get through.
        answers.push(await ask(pipeline, "data", session));
      }
      session.reset(true);
    }
    // The host names the plugin's line from the file in front of what the plugin wrote.
    const lines = log.lines.map((line) => line.replace(/^:?spp\/.*?: (?=[a-z_]+: )/, ""));
    return { answers, log: lines };
  };

  interface Conversation {
    readonly ip: string;
    readonly user?: string;
    readonly submission?: boolean;
    readonly messages: readonly (readonly string[])[];
  }

  const good = "good@example.test";
  const other = "other@example.test";
  const trap = "Trap@Example.test";
  const blocked = "451 4.7.1 Listed as a sender of spam";
  const trapped = expect.stringMatching(
    /^554 5\.6\.1 sorry, one or more .* - spam score exceeded threshold \(#5\.6\.1\)$/,
  );

  it.each<[string, Conversation, readonly unknown[]]>([
    ["a stranger", { ip: ips.unknown, messages: [[good, other]] }, ["pass", "pass", "pass", "pass", "pass"]],
    ["a listed client", { ip: ips.listed, messages: [[good, other]] }, ["pass", "pass", blocked, blocked, "pass"]],
    ["a client that one list clears", { ip: ips.cleared, messages: [[good]] }, ["pass", "pass", "pass", "pass"]],
    [
      "a listed client that has authenticated",
      { ip: ips.listed, user: "marta", messages: [[good]] },
      ["pass", "pass", "pass", "next", "pass"],
    ],
    [
      "a stranger that writes to a trap, and then does not",
      { ip: ips.unknown, messages: [[good, trap], [good]] },
      ["pass", "pass", "pass", "pass", trapped, trapped, "pass", "pass", "pass"],
    ],
    [
      "a listed client that writes to a trap",
      { ip: ips.listed, messages: [[trap, good]] },
      ["pass", "pass", blocked, blocked, trapped, trapped],
    ],
    [
      "a stranger at the submission service",
      { ip: ips.unknown, submission: true, messages: [[]] },
      ["pass", "530 5.7.0 Authentication required", "pass"],
    ],
    [
      "an authenticated client at the submission service",
      { ip: ips.listed, submission: true, user: "marta", messages: [[good, trap]] },
      ["pass", "pass", "pass", "pass", "pass", "pass"],
    ],
  ])("answer and log alike for %s", async (_who, conversation, answers) => {
    const [builtIn, programs] = await Promise.all([
      converse("checks", conversation),
      converse("programs", conversation),
    ]);
    expect(builtIn.answers).toEqual(answers);
    // Two of the originals have no enhanced code in front.
    const bare = ({ answers: said, log }: Words): Words => ({
      answers: said.map((answer) => answer.replace(/^([45]\d\d) [45]\.\d+\.\d+ /, "$1 ")),
      log,
    });
    expect(bare(programs)).toEqual(bare(builtIn));
  });
});
