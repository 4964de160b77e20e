/** next_hop = "pipe:" with real programs: what they are given, what their exit status becomes, and that none outlives its message. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { wordsFor } from "../../src/couriers/pipe.ts";
import { mailbox } from "../checks/fixture.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { hello, send } from "../relay/scene.ts";
import { settingsOf } from "../fakes/relay.ts";
import { closePlaces, placeScene } from "./place-scene.ts";

afterEach(closePlaces);

const text = (folder: string, name: string): string =>
  existsSync(join(folder, name)) ? readFileSync(join(folder, name), "latin1") : "";

/** A route to a shell script with these arguments. */
async function scriptScene(script: string, words = '"{from}", "--", "{to}"', more = ""): Promise<TestRelay> {
  const files = { script: { text: `#!/bin/sh\ncd {folder}\n${script}\n`, mode: 0o755 } };
  const { relay } = await placeScene(`next_hop = "pipe:"\ncommand = ["{folder}/script", ${words}]\n${more}`, { files });
  return relay;
}

async function sendOne(relay: TestRelay, recipients?: string[], body?: string): Promise<string> {
  const client = await hello(relay);
  const replies = await send(client, recipients, body);
  client.close();
  return replies.at(-1) ?? "";
}

describe("a program as the next hop", () => {
  it("gets envelope and message, and its exit status 0 is a 250", async () => {
    const relay = await scriptScene('printf "%s\\n" "$@" >words; env >environment; cat >message');
    expect(await sendOne(relay, ["a@kontor.example", "b@kontor.example"], "Subject: x\r\n\r\n..dot")).toBe(
      "250 2.0.0 Delivered",
    );
    expect(text(relay.folder, "words")).toBe("s@sender.example\n--\na@kontor.example\nb@kontor.example\n");
    expect(text(relay.folder, "message")).toMatch(/^Received: [^\r]*\nSubject: x\n\n\.dot\n$/);
    const environment = text(relay.folder, "environment").split("\n");
    const own = environment
      .map((line) => line.split("=")[0])
      .filter((name) => !/^(?:PWD|OLDPWD|SHLVL|_|)$/.test(name ?? ""));
    expect(own.toSorted()).toEqual(["PATH", "SENDER"]);
  });

  it.each([
    [64, "554 5.3.0 Message refused"],
    [65, "554 5.3.0 Message refused"],
    [67, "554 5.3.0 Message refused"],
    [68, "554 5.3.0 Message refused"],
    [76, "554 5.3.0 Message refused"],
    [77, "554 5.3.0 Message refused"],
    [69, "451 4.3.0 Cannot deliver at present, try again later"],
    [75, "451 4.3.0 Cannot deliver at present, try again later"],
    [78, "451 4.3.0 Cannot deliver at present, try again later"],
    [1, "451 4.3.0 Cannot deliver at present, try again later"],
    [127, "451 4.3.0 Cannot deliver at present, try again later"],
  ])("answers by exit status %i: %s", async (status, said) => {
    const relay = await scriptScene(`echo "because of $$" >&2; exit ${status}`);
    expect(await sendOne(relay)).toBe(said);
    if (said.startsWith("554")) {
      expect(relay.log.join("\n")).toMatch(new RegExp(`pipe: refused .*how="exit ${status}: because of \\d+"`));
    } else {
      expect(relay.log.join("\n")).toMatch(new RegExp(`not delivered .*why="exit ${status}: because of \\d+"`));
    }
  });

  it("that is killed, missing or hangs is a 451, and its children go with it", async () => {
    expect(await sendOne(await scriptScene("kill -9 $$"))).toMatch(/^451 4\.3\.0 /);
    const hanging = await scriptScene("sleep 600 & echo $! >child; wait", undefined, 'data_timeout = "300ms"');
    expect(await sendOne(hanging)).toBe("451 4.4.1 Delivery took too long, try again later");
    const child = Number(text(hanging.folder, "child"));
    expect(child).toBeGreaterThan(0);
    await expect
      .poll(() => existsSync(`/proc/${child}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${child}/status`, "utf8")))
      .toBe(false);
    const { relay } = await placeScene('next_hop = "pipe:"\ncommand = ["/no/such/program"]');
    expect(await sendOne(relay)).toMatch(/^451 4\.3\.0 /);
    expect(relay.log.join("\n")).toContain("cannot start");
  });

  it("may leave the message unread", async () => {
    const relay = await scriptScene("exit 0");
    expect(await sendOne(relay, undefined, `Subject: big\r\n\r\n${"x".repeat(70).concat("\r\n").repeat(20_000)}`)).toBe(
      "250 2.0.0 Delivered",
    );
  });

  it("is not started for a message that its client did not end", async () => {
    const relay = await scriptScene("cat >message");
    const client = await hello(relay);
    await client.command("MAIL FROM:<s@sender.example>");
    await client.command("RCPT TO:<a@kontor.example>");
    await client.command("DATA");
    client.write("Subject: half\r\n\r\nhalf");
    client.close();
    expect(await sendOne(relay)).toBe("250 2.0.0 Delivered");
    expect(text(relay.folder, "message")).not.toContain("half");
  });

  it("runs no oftener at a time than max_processes says, and others wait", async () => {
    const relay = await scriptScene(
      "mkdir running || { echo twice >>faults; exit 75; }; n=0; while [ $n -lt 20000 ]; do n=$((n+1)); done; rmdir running",
      undefined,
      "max_processes = 1",
    );
    const answers = await Promise.all(Array.from({ length: 4 }, () => sendOne(relay)));
    expect([answers, text(relay.folder, "faults")]).toEqual([
      Array.from({ length: 4 }, () => "250 2.0.0 Delivered"),
      "",
    ]);
  });

  it("never sees an address where an option may stand", async () => {
    const refused = "553 5.1.3 Addresses that begin with a hyphen cannot be delivered";
    const open = await scriptScene('printf "%s\\n" "$@" >words', '"-f", "{from}", "{to}"');
    const client = await hello(open);
    expect(await send(client, ["-oQ/x@kontor.example", "a@kontor.example"])).toEqual([
      refused,
      "250 2.1.5 Recipient OK",
      expect.stringMatching(/^354/),
      "250 2.0.0 Delivered",
    ]);
    client.close();
    const closed = await scriptScene('printf "%s\\n" "$@" >words');
    expect(await sendOne(closed, ["-oQ/x@kontor.example"])).toBe("250 2.0.0 Delivered");
    expect(text(closed.folder, "words")).toContain("--\n-oQ/x@kontor.example\n");
  });

  it("is told every address as it is, whatever it looks like", () => {
    const letter = {
      sender: mailbox("{to}@sender.example"),
      recipients: [mailbox("$&{from}@kontor.example")],
      session: "x",
    };
    expect(wordsFor(["p", "--from={from}", "{to}", "x{to}y"], letter)).toEqual([
      "p",
      "--from={to}@sender.example",
      "$&{from}@kontor.example",
      "x$&{from}@kontor.exampley",
    ]);
    expect(wordsFor(["p", "-f", "{from}"], { ...letter, sender: undefined })).toEqual(["p", "-f", ""]);
  });
});

describe.skipIf(missing("postfix") || !isRoot())("Postfix's sendmail as the next hop", () => {
  it("takes a message into its queue, with envelope and content", { timeout: 60_000 }, async () => {
    const hop = await startNextHop();
    const postfix = await startPostfix({
      main: { default_transport: `smtp:[127.0.0.1]:${hop.port}`, allow_min_user: "yes" },
    });
    try {
      const words = `"sendmail", "-C", "${postfix.folder}/etc", "-i", "-f", "{from}", "--", "{to}"`;
      const { relay } = await placeScene(`next_hop = "pipe:"\ncommand = [${words}]`);
      expect(await sendOne(relay, ["a@kontor.example", "-b@kontor.example"], "Subject: x\r\n\r\n..\r\nend")).toBe(
        "250 2.0.0 Delivered",
      );
      await expect.poll(() => hop.received.length, { timeout: 20_000 }).toBe(1);
      const [message] = hop.received;
      expect([message?.sender, message?.recipients.toSorted()]).toEqual([
        "s@sender.example",
        ["-b@kontor.example", "a@kontor.example"],
      ]);
      // Postfix takes a message with such a field for one that comes back.
      expect(message?.message.toString("latin1")).not.toMatch(/^Delivered-To/m);
      expect(message?.message.toString("latin1")).toMatch(/\r\nSubject: x\r\n[^]*\r\n\r\n\.\r\nend\r\n$/);
    } finally {
      await postfix.stop();
      await hop.close();
    }
  });
});

describe("a route to a program or a folder", () => {
  const faultsOf = (route: string): string => {
    try {
      settingsOf(`[[route]]\ndomain = "*"\n${route}`, "/tmp");
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };

  it("needs its program", () => {
    expect(faultsOf('next_hop = "pipe:"')).toContain(
      'command: needs a program: next_hop = "pipe:" gives messages to it',
    );
    expect(faultsOf('next_hop = "pipe:"\ncommand = ["/bin/cat"]')).toBe("");
  });

  it("is the only next hop of its route", () => {
    expect(faultsOf('next_hop = ["maildir:/m", "smtp://192.0.2.1"]')).toContain('needs to be "maildir:/m" alone');
  });

  it.each(["maildir:mail", "maildir:", "maildir", "pipe:/bin/cat", "uucp:there", "smtp:there"])("is not %s", (hop) => {
    expect(faultsOf(`next_hop = "${hop}"`)).toContain(
      'must be "mx", "smtp://host:port", "smtps://host:port", "lmtp://host:port", "lmtp:/socket", "https://host/path", "maildir:/folder", "pipe:"',
    );
  });
});
