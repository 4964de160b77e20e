/** goodrcptto: who is listed, and what an unlisted recipient is told. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { goodrcptto } from "../../../src/checks/recipient/goodrcptto.ts";
import type { Mailbox } from "../../../src/mail/address.ts";
import { recipientsOf } from "../../hooks/services.ts";
import { ListScene } from "../list-scene.ts";

describe("goodrcptto", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(() => scene.close());
  const ask = (to: string, variables = {}, from = "a@far.test") => scene.ask({ from, to, variables });
  const unknown = "E550 5.1.1 No such user here";

  it("takes addresses, domains and user parts, and extensions of them", async () => {
    scene.write("Vera@ours.example colleague\n@all.example\npostmaster\n").start(goodrcptto, { extn: "-" });
    expect(await ask("vera@ours.example")).toBe("");
    expect(await ask("VERA-x-y@ours.example")).toBe("");
    expect(await ask("postmaster@ours.example")).toBe("");
    expect(await ask("x@all.example")).toBe("");
    expect(await ask("x@ours.example")).toBe(unknown);
    expect(await ask("x@ours.example", {}, "")).toBe(unknown);
    expect(await ask("vera@alias.example")).toBe("");
    expect(await ask("prvs=0123456789=vera-x@ours.example")).toBe("");
    expect(await ask("-vera@ours.example")).toBe(unknown);
    scene.start(goodrcptto);
    expect(await ask("vera-x@ours.example")).toBe(unknown);
  });

  it("leaves alone relay clients, users that have logged in, and NOGOODMAILTO", async () => {
    scene.write("vera@ours.example\n").start(goodrcptto);
    for (const name of ["RELAYCLIENT", "SMTPAUTHUSER", "NOGOODMAILTO"]) {
      expect(await ask("x@ours.example", { [name]: "1" })).toBe("");
    }
  });

  it("asks [recipients] always, too", async () => {
    const recipients = { ...recipientsOf({ kind: "unknown" }), isAlways: ({ user }: Mailbox) => user === "abuse" };
    scene.write("vera@ours.example\n").start(goodrcptto, {}, { recipients });
    expect(await ask("abuse@ours.example")).toBe("");
    expect(await ask("x@ours.example")).toBe(unknown);
  });
});
