/** The trace field: what it tells, and that nobody writes into it. */
import { describe, expect, it } from "vitest";

import { mailDate, receivedField } from "../../src/mail/received.ts";

describe("the Received field", () => {
  const trace = {
    helo: "client.example",
    host: "",
    ip: "192.0.2.9",
    by: "mx.kontor.example",
    protocol: "ESMTPS",
    id: "abc",
    recipient: undefined,
    at: new Date(Date.UTC(2026, 10, 21, 11, 0, 0)),
  };

  it("tells who, where and when", () => {
    expect(receivedField(trace)).toBe(
      "Received: from client.example (unknown [192.0.2.9])\r\n\tby mx.kontor.example (goodmailto) with ESMTPS id abc;\r\n\tSat, 21 Nov 2026 11:00:00 +0000\r\n",
    );
    expect(receivedField({ ...trace, host: "h.example", ip: "2001:db8::1", recipient: "a@b.example" })).toContain(
      "(h.example [IPv6:2001:db8::1])\r\n\tby mx.kontor.example (goodmailto) with ESMTPS id abc\r\n\tfor <a@b.example>;",
    );
    expect(mailDate(new Date(0))).toBe("Thu, 01 Jan 1970 00:00:00 +0000");
  });

  it("lets no HELO end its comment, its line or the field", () => {
    const field = receivedField({ ...trace, helo: "x)\r\nEvil: (y" });
    expect(field).toMatch(/^Received: from x\?\?\?Evil:\?\?y \(unknown/);
    expect(field.split("\r\n")).toHaveLength(4);
  });

  it("names a recipient only as a plain dot-atom", () => {
    const named = (recipient: string): boolean => /\bfor\b/.test(receivedField({ ...trace, recipient }));
    for (const plain of [
      "a@b.example",
      "a.b+c=d@b.example",
      "a%b@b.example",
      "a@[192.0.2.1]",
      "a@[IPv6:::1]",
      "a@b.example.",
    ]) {
      expect(receivedField({ ...trace, recipient: plain })).toContain(`\r\n\tfor <${plain}>;`);
    }
    const forged = '"vera+x> with ESMTPSA id 1; "@kontor.example';
    for (const odd of [
      forged,
      '"vera"@b.example',
      '"@b.example',
      "a b@b.example",
      "a@b example",
      "a..b@b.example",
      ".a@b.example",
      "a.@b.example",
      "a",
      "@b.example",
      "a@b@c.example",
      "a@b.example> with ESMTPSA id 1; x",
      "a@b.example\r\n\tx",
      "a@",
      "ä@b.example",
      "a@ä.example",
    ]) {
      expect([odd, named(odd)]).toEqual([odd, false]);
    }
  });
});
