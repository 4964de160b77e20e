/** `[recipients] live`: a daemon on the internal network that is unavailable, and the lists that then apply. */
import { afterEach, describe, expect, it } from "vitest";

import { goodmailto } from "../../../src/checks/recipient/goodmailto.ts";
import type { RecipientAnswer } from "../../../src/snapshot/recipients.ts";
import { startDeliverabled } from "../../fakes/deliverabled.ts";
import { recipientsOf } from "../../hooks/services.ts";
import { ListScene } from "../list-scene.ts";

describe("[recipients] live", () => {
  let scene: ListScene;
  afterEach(() => scene.close());

  function start(live: string, answer: RecipientAnswer, more: Readonly<Record<string, unknown>> = {}) {
    scene = new ListScene();
    const values = { live, live_timeout: "200ms", ...more };
    scene.start(goodmailto, values, { recipients: recipientsOf(answer) });
    return (to = "new@ours.example") => scene.ask({ to });
  }
  const unknown = { kind: "unknown" } as const;
  const no = "E550 5.1.1 No such user here";
  const later = "E450 4.2.1 Mailbox not available now, try again later";
  const warnings = () => scene.log.lines.filter((line) => line.includes("no live answer"));

  it.each([
    ["defer", later],
    ["list", no],
  ])("answers by live_away = %s while the daemon is away, with one warning a minute", async (live_away, answer) => {
    const daemon = await startDeliverabled({ "new@ours.example": "hang" });
    const ask = start(`http://${daemon.place}`, unknown, { live_away });
    expect(await ask()).toBe(answer);
    await daemon.close();
    for (let i = 0; i < 5; i++) {
      expect(await ask(`a${i}@ours.example`)).toBe(answer);
    }
    expect(warnings()).toHaveLength(1);
    scene.later(60_000);
    expect(await ask()).toBe(answer);
    expect(warnings()).toHaveLength(2);
  });

  it("asks nobody about what the list knows, refuses by name, or cannot say for want of a snapshot", async () => {
    const daemon = await startDeliverabled();
    const row = {
      key: "new@ours.example",
      source: "cdb",
      kind: "account",
      entry: "",
      rule: "refused",
      gone: 1,
    } as const;
    const answers: readonly (readonly [RecipientAnswer, string])[] = [
      [{ kind: "known", key: "new@ours.example", as: "account", source: "s", entry: "" }, ""],
      [{ kind: "unknown", by: row }, no],
      [{ kind: "unavailable", why: "missing" }, ""],
      [{ kind: "gone", key: "new@ours.example", source: "s", entry: "", since: 999_999 }, later],
    ];
    for (const [answer, reply] of answers) {
      expect(await start(`http://${daemon.place}`, answer, { grace: "1h" })()).toBe(reply);
    }
    expect(daemon.asked).toEqual([]);
    await daemon.close();
  });

  it("takes the directory's no also where the list is old, or has vanished rows", async () => {
    const daemon = await startDeliverabled({ "new@ours.example": 0, "back@ours.example": 241 });
    const old = start(`http://${daemon.place}`, { kind: "unknown", asOf: 1 }, { stale_after: "1s" });
    expect(await old()).toBe(no);
    expect(await old("back@ours.example")).toBe("");
    const gone = start(`http://${daemon.place}`, { kind: "gone", key: "x", source: "s", entry: "", since: 1 });
    expect(await gone()).toBe(no);
    expect(await gone("back@ours.example")).toBe("");
    await daemon.close();
  });

  it("answers at once, as without it, where it is not set or the address cannot be asked about", async () => {
    expect(await start("", unknown)()).toBe(no);
    const daemon = await startDeliverabled();
    const ask = start(`http://${daemon.place}`, unknown);
    expect(await ask('"a b"@ours.example')).toBe(no);
    expect(await ask("new%x@ours.example")).toBe(no);
    expect(daemon.asked).toEqual([]);
    await daemon.close();
  });
});
