/**
 * The check milter beside a milter that is killed, hung, slow, lying, or answers half, at the end of a message:
 * default_action decides, none of its changes is made, and the next message is asked about again. docs/design.md promise 1.
 */
import { afterEach, describe, expect, it } from "vitest";

import { MailScene } from "../checks/scanners/mail-scene.ts";
import { condemned, noAnswer } from "../fakes/content-services.ts";
import type { ContentService, Fault } from "../fakes/content-services.ts";
import { startFailingMilter } from "../fakes/failing-milter.ts";

const mail = "From: ann@far.example\r\nSubject: hello\r\n\r\nHello\r\n";
const bad = `${mail}${condemned}\r\n`;

let scene: MailScene;
let milter: ContentService;
/** How the milter fails now. */
let fault: Fault = "none";
afterEach(async () => {
  await scene.close();
  await milter.close();
  fault = "none";
});

async function start(action: string): Promise<void> {
  milter = await startFailingMilter(() => fault);
  scene = await MailScene.start({
    milter: `url = "inet:${milter.place}"\ndefault_action = "${action}"\ntimeout = { connect = "5s", command = "10s", body = "400ms" }`,
  });
}

async function sendWith(how: Fault, message: string): Promise<string | undefined> {
  fault = how;
  return scene.send(message);
}

describe("a milter that fails", () => {
  it.each([
    ["defer", /^451 4\.7\.1 Service unavailable/],
    ["refuse", /^550 5\.5\.0 Service unavailable$/],
  ])(
    "delivers nothing with default_action = %s, whatever it would have said, and works again",
    async (action, reply) => {
      await start(action);
      for (const how of noAnswer) {
        for (const message of [mail, bad]) {
          expect([how, await sendWith(how, message)]).toEqual([how, expect.stringMatching(reply)]);
        }
        // Three failures in a row would let it rest.
        expect([how, await sendWith("none", mail)]).toEqual([how, expect.stringMatching(/^250/)]);
        expect(scene.delivered(scene.hop.received.length)).toBe(mail.replace("\r\n\r\n", "\r\nX-Milter: seen\r\n\r\n"));
      }
      expect(scene.hop.received).toHaveLength(noAnswer.length);
      expect(scene.relay.metrics.totals()['check_faults{check="milter"}']).toBe(2 * noAnswer.length);
      expect(await sendWith("slow", mail)).toMatch(/^250/);
      expect(scene.delivered(scene.hop.received.length)).toContain("X-Milter: seen");
      expect(await sendWith("slow", bad)).toBe("550 5.7.1 Command rejected");
      expect(scene.hop.violations).toEqual([]);
    },
    60_000,
  );

  it("leaves messages as they came with default_action = accept, and is asked about the next one", async () => {
    await start("accept");
    for (const how of noAnswer) {
      expect([how, await sendWith(how, mail)]).toEqual([how, expect.stringMatching(/^250/)]);
      expect(scene.delivered(scene.hop.received.length)).toBe(mail);
      expect([how, await sendWith("none", bad)]).toEqual([how, "550 5.7.1 Command rejected"]);
    }
    expect(scene.hop.received).toHaveLength(noAnswer.length);
  }, 60_000);

  it("is killed in the middle of a message, and stays away", async () => {
    await start("accept");
    const client = await scene.open();
    client.write(mail);
    await milter.close();
    expect(await client.command(".")).toMatch(/^250/);
    client.close();
    expect(await scene.send(bad)).toMatch(/^250/);
    expect(scene.delivered(1) + scene.delivered(2)).toBe(mail + bad);
    expect(scene.log).toMatch(/milter: no answer scanner="milter at inet:127\.0\.0\.1:\d+" why=/);
  });
});
