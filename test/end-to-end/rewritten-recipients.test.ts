/** Recipients that checks change, with a real Postfix behind: what is in its queue is what was meant. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import type { Postfix } from "../fakes/postfix.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { hello, send } from "../relay/scene.ts";

describe.skipIf(missing("postfix") || !isRoot())("recipients that checks change, before a Postfix", () => {
  let postfix: Postfix;
  let relay: TestRelay;

  beforeEach(async () => {
    postfix = await startPostfix({
      main: {
        smtpd_client_restrictions: "check_client_access static:HOLD",
        smtpd_recipient_restrictions: "check_recipient_access inline:{{busy@kontor.example=450 4.2.1 Busy}}",
      },
    });
    relay = await startTestRelay({
      config: `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${postfix.port}"\n[checks]\nrun = ["disposable", "spamtrap", "aliases", "goodmailto"]\n[checks.spamtrap]\nfile = "{folder}/traps"\ntarget = "collector@kontor.example"\n[checks.aliases]\nfile = "{folder}/aliases"\nunknown = "pass"\n`,
      snapshot: ["vera"],
      files: {
        traps: "honey@kontor.example\n",
        aliases:
          "both@kontor.example: a@kontor.example, b@kontor.example\nhalf@kontor.example: a@kontor.example, busy@kontor.example\n",
      },
    });
  });
  afterEach(async () => {
    await relay.stop();
    await postfix.stop();
  });

  it("are in its queue as the checks have made them, message by message on one connection", async () => {
    const client = await hello(relay);
    const messages = [
      ["vera.1.count@kontor.example", "both@kontor.example"],
      ["vera@kontor.example", "half@kontor.example"],
      ["vera@kontor.example", "honey@kontor.example"],
      ["vera@kontor.example"],
    ];
    const replies: string[][] = [];
    for (const recipients of messages) {
      replies.push(await send(client, recipients));
    }
    client.close();
    expect(replies.map((list) => list.at(-1)?.slice(0, 3))).toEqual(["250", "250", "250", "250"]);
    expect(replies[1]?.[1]).toMatch(/^450 4\.2\.1 /);
    const queued = (await postfix.queue()).map(({ recipients }) => recipients.map(({ address }) => address).toSorted());
    expect(queued.toSorted((one, other) => one.join().localeCompare(other.join()))).toEqual([
      ["a@kontor.example", "b@kontor.example", "vera@kontor.example"],
      ["collector@kontor.example"],
      ["vera@kontor.example"],
      ["vera@kontor.example"],
    ]);
  });
});
