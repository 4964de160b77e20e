/** What a session remembers, for how long, and what effects do to it. */
import { describe, expect, it } from "vitest";

import { recipientOptions } from "../../src/hooks/recipient-options.ts";
import { Session } from "../../src/hooks/session.ts";
import { variableForm } from "../../src/hooks/variable-form.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import type { Mailbox } from "../../src/mail/address.ts";

const peer = { ip: "192.0.2.1", port: 1, host: "" };
const mailbox = (text: string): Mailbox => parseMailbox(text) as Mailbox;

function scene(): { session: Session; printed: string[] } {
  const printed: string[] = [];
  const given = new Map([["RELAYCLIENT", ""]]);
  return { session: new Session("id", peer, peer, "smtp", given, (line) => printed.push(line)), printed };
}

describe("Session", () => {
  it("has variables; an empty one is set", () => {
    const { session } = scene();
    expect(session.has("RELAYCLIENT")).toBe(true);
    session.apply({ kind: "set", name: "X", value: "1" });
    session.apply({ kind: "unset", name: "RELAYCLIENT" });
    expect([session.variables.get("X"), session.has("RELAYCLIENT")]).toEqual(["1", false]);
    expect(session.has("constructor")).toBe(false);
  });

  it("keeps header lines and queued replies over a new transaction, and forgets them with RSET or a message", () => {
    const { session } = scene();
    session.begin(undefined);
    session.apply({ kind: "header", line: "X-One: 1" });
    session.apply({ kind: "refuse-later", hook: "rcpt", line: "550 no" });
    session.apply({ kind: "refuse-later", hook: "data", line: "550 no" });
    session.reset(false);
    expect(session.transaction).toBeUndefined();
    expect(session.begin(mailbox("a@b.example"))).toMatchObject({
      sender: mailbox("a@b.example"),
      accepted: [],
      asked: 0,
    });
    expect([session.headers, session.late.rcpt, session.late.data]).toEqual([["X-One: 1"], ["550 no"], ["550 no"]]);
    session.reset(true);
    expect([session.headers, session.late]).toEqual([[], { mail: [], rcpt: [], data: [] }]);
  });

  it("prints at once, in order", () => {
    const { session, printed } = scene();
    session.apply({ kind: "print", line: "one" });
    session.apply({ kind: "print", line: "two" });
    expect(printed).toEqual(["one", "two"]);
  });

  it("changes the address of the command under way, and of no other", () => {
    const { session } = scene();
    session.apply({ kind: "address", mailbox: mailbox("x@y.example") });
    expect(session.variables.has("SMTPMAILFROM")).toBe(false);
    session.begin(mailbox("a@b.example"));
    session.changing = "mail";
    session.apply({ kind: "address", mailbox: undefined });
    expect([session.transaction?.sender, session.variables.get("SMTPMAILFROM")]).toEqual([undefined, ""]);
    session.changing = "rcpt";
    session.recipient = mailbox("r@b.example");
    session.apply({ kind: "address", mailbox: undefined });
    expect(session.recipient).toEqual(mailbox("r@b.example"));
    session.apply({ kind: "address", mailbox: mailbox('"a b"@C.example') });
    expect([session.recipient.raw, session.variables.get("SMTPRCPTTO")]).toEqual(['"a b"@C.example', "a b@C.example"]);
  });

  it("has the options of a recipient as a note and as variables, for that recipient only and until RSET", () => {
    const { session } = scene();
    const seen = (): unknown[] => [
      recipientOptions.get(session)?.get("greylisting"),
      [...session.variables].filter(([name]) => name.startsWith("SMTPRCPTOPT")),
    ];
    const transaction = session.begin(undefined);
    session.recipient = mailbox("a@b.example");
    const first = session.rcpt;
    const options = new Map([
      ["greylisting", "off"],
      ["only-from", "x\ny"],
    ]);
    session.apply({ kind: "options", options });
    const variables = [
      ["SMTPRCPTOPT_greylisting", "off"],
      ["SMTPRCPTOPT_only_from", "x?y"],
    ];
    expect(seen()).toEqual(["off", variables]);
    session.apply({ kind: "options", options: new Map([["quiet", ""]]) });
    expect(seen()).toEqual([undefined, [["SMTPRCPTOPT_quiet", ""]]]);
    session.apply({ kind: "options", options });
    if (first !== undefined) {
      transaction.accepted.push(first);
    }
    session.recipient = mailbox("c@b.example");
    expect(seen()).toEqual([undefined, []]);
    expect(recipientOptions.get(session, first)?.get("greylisting")).toBe("off");
    session.apply({ kind: "options", options });
    session.reset(true);
    expect(seen()).toEqual([undefined, []]);
    session.begin(undefined);
    session.recipient = mailbox("c@b.example");
    session.observing = true;
    session.apply({ kind: "options", options });
    expect(seen()).toEqual([undefined, []]);
  });

  it("makes a recipient's variables once, before anybody reads or changes them, and for nobody else", () => {
    const { session } = scene();
    let made = 0;
    const fill = (): void =>
      session.lateVariables.fillLater((variables) => {
        made += 1;
        variables.set("SMTPRCPTTO", `${variables.has("RELAYCLIENT")}`);
      });
    fill();
    expect([session.has("RELAYCLIENT"), session.standing.user, made]).toEqual([true, undefined, 0]);
    session.begin(undefined);
    session.recipient = mailbox("a@b.example");
    expect(made).toBe(0);
    expect([session.has("SMTPRCPTTO"), session.variables.get("SMTPRCPTTO"), made]).toEqual([true, "true", 1]);
    // What a check sets is neither seen by them nor lost to them.
    fill();
    session.apply({ kind: "unset", name: "RELAYCLIENT" });
    expect([session.variables.get("SMTPRCPTTO"), made]).toEqual(["true", 2]);
    fill();
    session.apply({ kind: "set", name: "SMTPRCPTTO", value: "mine" });
    expect([session.known().variables.get("SMTPRCPTTO"), made]).toEqual(["mine", 3]);
  });

  it("shows addresses without quotes, in the letters in which they came", () => {
    expect(variableForm(undefined)).toBe("");
    expect(variableForm(mailbox('"A\\"b"@Kontor.Example.'))).toBe('A"b@Kontor.Example.');
    expect(variableForm(mailbox("Postmaster"))).toBe("Postmaster");
  });
});
