/** What qmail-spp 0.42 promises, with real programs. The same proofs as SMTP conversations are in test/dialogs. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { Scene } from "./scene.ts";

/** Appends a line about the recipient to the file `log`. */
const counts = 'echo "$SMTPRCPTTO $SMTPRCPTCOUNT/$SMTPRCPTCOUNTALL ok=$SMTPRCPTHOSTSOK" >>log';

/** Whether a descriptor of this process outlives exec: flag O_CLOEXEC is not set. */
function isInherited(fd: string): boolean {
  try {
    const flags = /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "";
    return (Number.parseInt(flags, 8) & 0o2000000) === 0;
  } catch {
    return false;
  }
}

describe("qmail-spp plugins", () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(() => scene.remove());

  it("E refuses this command and no other", async () => {
    scene.plugin("a", 'case $SMTPRCPTTO in no*) echo "E550 no";; esac');
    scene.config("[rcpt]\nplugins/a\n");
    const client = await scene.greeted();
    await scene.mail(client, "x@y.test");
    expect(await scene.rcpt(client, "no@good.test")).toBe("550 no");
    expect(await scene.rcpt(client, "yes@good.test")).toBe("pass");
  });

  it("N and O keep the next plugin from running, and nothing lets it run", async () => {
    scene.plugin("a", 'echo "$SMTPRCPTTO" | cut -c1 | tr no NO');
    scene.plugin("b", 'echo "E550 b"');
    scene.config("[rcpt]\nplugins/a\nplugins/b\n");
    const client = await scene.greeted();
    await scene.mail(client, "x@y.test");
    expect(await scene.rcpt(client, "n@good.test")).toBe("next");
    expect(await scene.rcpt(client, "o@good.test")).toBe("ok");
    expect(await scene.rcpt(client, "x@good.test")).toBe("550 b");
  });

  it("A keeps every later plugin of the session from running", async () => {
    scene.plugin("a", "echo A");
    scene.plugin("b", 'echo "E550 b"');
    scene.config("[helo]\nplugins/a\nplugins/b\n[mail]\nplugins/b\n[rcpt]\nplugins/b\n");
    const client = await scene.greeted();
    expect(await scene.ask(client, "helo")).toBe("accept-session");
    expect(await scene.mail(client, "x@y.test")).toBe("pass");
    expect(await scene.rcpt(client, "x@good.test")).toBe("pass");
    const other = await scene.greeted();
    expect(await scene.rcpt(other, "x@good.test")).toBe("550 b");
  });

  it("R refuses and closes, D closes without a word", async () => {
    scene.config("[mail]\n:echo 'R554 bye'\n[rcpt]\n:echo D\n");
    const client = await scene.greeted();
    expect(await scene.mail(client, "x@y.test")).toBe("554 bye; close");
    expect(await scene.rcpt(client, "x@good.test")).toBe("drop");
  });

  it("L queues replies for later commands until RSET", async () => {
    scene.config("[connection]\n:printf 'LM451 m\\nLR450 r\\nLR450 s\\nLD451 d\\nLX1\\n'\n");
    const { session } = await scene.greeted();
    expect(session.late).toEqual({ mail: ["451 m"], rcpt: ["450 r", "450 s"], data: ["451 d"] });
    session.reset(true);
    expect(session.late).toEqual({ mail: [], rcpt: [], data: [] });
  });

  it("S and U change the variables of later plugins", async () => {
    scene.config(
      '[connection]\n:echo Sx=1; echo SPROTO=UUCP\n:echo "Sy=${x}2"\n[mail]\n:echo Ux\n[rcpt]\n:echo "E550 ${x-unset} $y $PROTO"\n',
    );
    const client = await scene.greeted();
    expect(await scene.rcpt(client, "a@good.test")).toBe("550 1 12 UUCP");
    await scene.mail(client, "x@y.test");
    expect(await scene.rcpt(client, "a@good.test")).toBe("550 unset 12 UUCP");
  });

  it("runs the page's example", async () => {
    scene.plugin(
      "redirect",
      `echo 'Cspam@myhost.com'; echo 'HX-Spam-Flag: YES'; echo 'Sspam=1'; echo A
       echo "redirected spam from <$SMTPMAILFROM>" >&2`,
    );
    scene.plugin("after", 'echo "E550 $spam $SMTPRCPTTO"');
    scene.config("[rcpt]\nplugins/redirect\nplugins/after\n");
    const client = await scene.greeted();
    await scene.mail(client, "Spammer@bad.test");
    expect(await scene.rcpt(client, "a@good.test")).toBe("accept-session");
    expect(client.session.recipient).toMatchObject({ raw: "spam@myhost.com" });
    expect(client.session.variables.get("SMTPRCPTTO")).toBe("spam@myhost.com");
    expect(client.session.variables.get("spam")).toBe("1");
    expect(client.session.headers).toEqual(["X-Spam-Flag: YES"]);
    expect(scene.logged).toContainEqual({
      part: "plugins/redirect",
      event: "redirected spam from <Spammer@bad.test>",
      fields: { session: client.session.id },
    });
    expect(await scene.rcpt(client, "b@good.test")).toBe("pass");
  });

  it("shows the variables of the moment", async () => {
    scene.config(`[rcpt]\n:${counts}\n`);
    const client = await scene.greeted();
    client.session.variables.set("SMTPRCPTCOUNT", "0").set("SMTPRCPTCOUNTALL", "1").set("SMTPRCPTHOSTSOK", "1");
    await scene.rcpt(client, "Red+a@Good.test");
    client.session.variables.set("SMTPRCPTCOUNT", "1").set("SMTPRCPTCOUNTALL", "2");
    await scene.rcpt(client, "b@good.test");
    expect(scene.lines("log")).toEqual(["Red+a@Good.test 0/1 ok=1", "b@good.test 1/2 ok=1"]);
  });

  it.each([
    ["kill -9 $$", "child crashed"],
    ["kill -PIPE $$", "child crashed"],
    ["echo N; kill -9 $$", "child crashed"],
    ["exit 120", "can't execute"],
    ["echo A; exit 120", "can't execute"],
    ["echo 'Ebad'", "bad reply"],
    ["echo 'Cbad address'", "bad address"],
  ])("answers 451 where a plugin does: %s", async (script, why) => {
    scene.plugin("x", script);
    scene.config("[rcpt]\nplugins/x\n");
    const client = await scene.greeted();
    const answer = `451 4.3.0 qmail-spp failure: plugins/x: ${why} (#4.3.0)`;
    expect(await scene.rcpt(client, "a@good.test")).toBe(answer);
    expect(client.session.checksOff).toBe(false);
    expect(scene.logged.some(({ event, fields }) => event === "plugin failed" && fields["why"] === why)).toBe(true);
  });

  it("answers 451 where a program is missing, is no program, or has no magic number", async () => {
    writeFileSync(join(scene.home, "plugins/data"), "#!/bin/sh\n", { mode: 0o644 });
    writeFileSync(join(scene.home, "plugins/text"), "echo N\n", { mode: 0o755 });
    mkdirSync(join(scene.home, "plugins/folder"));
    for (const name of ["nosuch", "data", "text", "folder"]) {
      scene.config(`[mail]\nplugins/${name}\n`);
      const client = await scene.greeted();
      const answer = `451 4.3.0 qmail-spp failure: plugins/${name}: can't execute (#4.3.0)`;
      expect(await scene.mail(client, "x@y.test")).toBe(answer);
    }
  });

  it("shows a failing line as it stands in the file", async () => {
    scene.config("[mail]\n:kill -9 $$ # why\n");
    const client = await scene.greeted();
    expect(await scene.mail(client, "x@y.test")).toBe(
      "451 4.3.0 qmail-spp failure: :kill -9 $$ # why: child crashed (#4.3.0)",
    );
  });

  it("passes any other exit status, also the shell's for a missing program", async () => {
    scene.config("[mail]\n:exit 7\n:nosuchprogram\n:plugins/nosuch\n:exit 1\n:\n");
    expect(await scene.mail(await scene.greeted(), "x@y.test")).toBe("pass");
  });

  it("runs no plugin where NOSPP is set, even to nothing, and does not read the file", async () => {
    scene.config("[connection]\n:echo 'E554 no'\n[mail]\n:echo 'E550 no'\n");
    const client = scene.client({ NOSPP: "", SPPCONFFILE: "control/missing" });
    expect(await scene.ask(client, "connection")).toBe("pass");
    expect(await scene.mail(client, "x@y.test")).toBe("pass");
  });

  it("reads SPPCONFFILE in place of the usual file, relative or absolute, unless it is empty", async () => {
    scene.config("[mail]\n:echo 'E550 usual'\n");
    scene.config("[mail]\n:echo 'E550 other'\n", "control/other");
    for (const [name, answer] of [
      ["", "550 usual"],
      ["control/other", "550 other"],
      [join(scene.home, "control/other"), "550 other"],
    ] as const) {
      expect(await scene.mail(await scene.greeted({ SPPCONFFILE: name }), "x@y.test")).toBe(answer);
    }
  });

  it("answers 421 where SPPCONFFILE names a missing file, and passes where the usual one is missing", async () => {
    const client = scene.client({ SPPCONFFILE: "control/missing" });
    expect(await scene.ask(client, "connection")).toBe("421 4.3.0 unable to read controls (#4.3.0); close");
    expect(scene.logged).toMatchObject([{ part: "spp", event: "cannot read the plugins file" }]);
    expect(await scene.ask(scene.client(), "connection")).toBe("pass");
  });

  it("answers 421 where the usual file is there and cannot be read", async () => {
    mkdirSync(join(scene.home, "control/smtpplugins"));
    expect(await scene.ask(scene.client(), "connection")).toBe("421 4.3.0 unable to read controls (#4.3.0); close");
  });

  it("runs the plugins of other hooks where none is configured at the connection", async () => {
    scene.config("[mail]\n:echo SNOSPP=; echo 'E550 mail'\n");
    const client = scene.client();
    expect(await scene.mail(client, "x@y.test")).toBe("550 mail");
    client.session.variables.set("NOSPP", "");
    expect(await scene.mail(client, "x@y.test")).toBe("550 mail");
  });

  it("ignores what a plugin sets of NOSPP, SPPCONFFILE, RELAYCLIENT and DATABYTES, but tells later plugins", async () => {
    scene.config(
      '[connection]\n:echo SNOSPP=; echo SSPPCONFFILE=x; echo SRELAYCLIENT=; echo UDATABYTES\n[rcpt]\n:echo "P${NOSPP-u} ${SPPCONFFILE-u} ${RELAYCLIENT-u} ${DATABYTES-u}"\n:echo Cx@foreign.test\n',
    );
    const client = await scene.greeted({ DATABYTES: "5" });
    const answer = "550 5.7.1 Relaying denied";
    expect(await scene.rcpt(client, "a@good.test")).toBe(answer);
    expect(client.printed).toEqual([" x  u"]);
    expect(client.session.has("RELAYCLIENT")).toBe(false);
    expect(client.session.variables.get("DATABYTES")).toBe("5");
  });

  it("lets C lead to a foreign domain only for clients with RELAYCLIENT, whatever else the plugin says", async () => {
    scene.config("[rcpt]\n:echo Cx@foreign.test; echo O\n");
    expect(await scene.rcpt(await scene.greeted(), "a@good.test")).toBe("550 5.7.1 Relaying denied");
    const relayed = await scene.greeted({ RELAYCLIENT: "" });
    expect(await scene.rcpt(relayed, "a@good.test")).toBe("ok");
    expect(relayed.session.recipient?.raw).toBe("x@foreign.test");
  });

  it("changes the sender with C at MAIL, also to the null sender", async () => {
    scene.config(
      '[mail]\n:echo "C\\"New One\\"@Other.test"\n:echo "P$SMTPMAILFROM"\n:echo C\n:echo "P<$SMTPMAILFROM>"\n',
    );
    const client = await scene.greeted();
    expect(await scene.mail(client, "x@y.test")).toBe("pass");
    expect(client.printed).toEqual(["New One@Other.test", "<>"]);
    expect(client.session.transaction?.sender).toBeUndefined();
  });

  it("gives a colon line its arguments, pipes and variables", async () => {
    scene.plugin("a", 'echo "P$# $1 $2"');
    scene.config("[helo]\n:plugins/a one 'two three' | tr a-z A-Z; echo \"P$SMTPHELOHOST\"\n[mail]\nplugins/a\n");
    const client = await scene.greeted({ SMTPHELOHOST: "Client.test" });
    await scene.ask(client, "helo");
    await scene.mail(client, "x@y.test");
    expect(client.printed).toEqual(["2 ONE TWO THREE", "Client.test", "0  "]);
  });

  it("starts a program in home with its configured name, an empty standard input, and no other descriptor", async () => {
    scene.plugin("a", 'echo "P$0"; echo "P$(pwd -P)"; echo "P$(wc -c)"; echo "P$(ls /proc/self/fd | tr "\\n" " ")"');
    scene.config("[mail]\nplugins/a\n");
    const client = await scene.greeted();
    await scene.mail(client, "x@y.test");
    // Descriptor 3 is the folder that ls reads; whoever started these tests may have handed down more.
    const [name, home, stdin, descriptors = ""] = client.printed;
    expect([name, home, stdin]).toEqual(["plugins/a", scene.home, "0"]);
    const heirlooms = readdirSync("/proc/self/fd").filter((fd) => Number(fd) > 2 && isInherited(fd));
    const foreign = descriptors
      .trim()
      .split(" ")
      .filter((fd) => !heirlooms.includes(fd));
    expect(foreign).toEqual(["0", "1", "2", "3"]);
  });

  it("gives plugins the session variables and PATH, and nothing of the server's environment", async () => {
    process.env["GOODMAILTO_SECRET"] = "x";
    scene.config("[mail]\n:env >env\n");
    await scene.mail(await scene.greeted({ EMPTY: "", NUL: "a\0b" }), "x@y.test");
    delete process.env["GOODMAILTO_SECRET"];
    const names = scene.lines("env").filter((line) => !/^(?:_|PWD|OLDPWD|SHLVL)=/.test(line));
    expect(names.sort()).toEqual([
      "EMPTY=",
      "NUL=ab",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "PROTO=TCP",
      "SMTPMAILFROM=x@y.test",
      "TCPREMOTEIP=192.0.2.1",
    ]);
    const other = await scene.greeted({ PATH: "/bin:/opt" });
    await scene.mail(other, "x@y.test");
    expect(scene.lines("env")).toContain("PATH=/bin:/opt");
  });

  it("takes a changed file for new sessions, and leaves the others theirs", async () => {
    scene.config("[mail]\n:echo 'E550 one'\n");
    const client = await scene.greeted();
    scene.config("[mail]\n:echo 'E550 another'\n");
    expect(await scene.mail(await scene.greeted(), "x@y.test")).toBe("550 another");
    expect(await scene.mail(client, "x@y.test")).toBe("550 one");
  });

  it("closes after a 421 in place of the greeting, and not after a 554", async () => {
    scene.config('[connection]\n:echo "P220-hi"; echo "E$CODE go away"\n');
    const client = scene.client({ CODE: "421" });
    expect(await scene.ask(client, "connection")).toBe("421 go away; close");
    expect(client.printed).toEqual(["220-hi"]);
    expect(await scene.ask(scene.client({ CODE: "554" }), "connection")).toBe("554 go away");
  });

  it.skipIf(missing("cc"))("runs a program in C", async () => {
    const source = join(scene.home, "a.c");
    writeFileSync(
      source,
      `#include <stdio.h>
       #include <stdlib.h>
       int main(int argc, char **argv) {
         fprintf(stderr, "%d %s\\n", argc, argv[0]);
         printf("Sseen=%s\\nE550 not %s\\n", argv[0], getenv("SMTPRCPTTO"));
         return getchar() == EOF ? 0 : 120;
       }`,
    );
    execFileSync("cc", ["-o", join(scene.home, "plugins/c"), source]);
    scene.config("[rcpt]\nplugins/c\n");
    const client = await scene.greeted();
    expect(await scene.rcpt(client, "a@good.test")).toBe("550 not a@good.test");
    expect(client.session.variables.get("seen")).toBe("plugins/c");
    expect(await scene.rcpt(client, "b@good.test")).toBe("550 not b@good.test");
    await expect.poll(() => scene.logged.map(({ event }) => event)).toContain("1 plugins/c");
  });

  it.skipIf(missing("python3"))("runs a program in Python", async () => {
    const python = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
    scene.plugin(
      "py",
      `#!${python}\nimport os, sys\nprint("HX-Seen: " + os.environ["SMTPMAILFROM"])\nprint("seen", file=sys.stderr)\nprint("N")\n`,
    );
    scene.config("[mail]\nplugins/py\n");
    const client = await scene.greeted();
    expect(await scene.mail(client, "x@y.test")).toBe("next");
    expect(client.session.headers).toEqual(["X-Seen: x@y.test"]);
    await expect.poll(() => scene.logged.map(({ event }) => event)).toContain("seen");
  });
});
