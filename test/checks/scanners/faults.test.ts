/**
 * Every check that asks about a message, beside a service that is killed, hung, slow, lying or answers half; and messages
 * of every shape through each of them. docs/design.md promises 1 and 6.
 */
import { afterEach, describe, expect, it } from "vitest";

import { condemned, startContentService } from "../../fakes/content-services.ts";
import type { ContentService, Fault } from "../../fakes/content-services.ts";
import { asPassedOn, shapes, wireOf } from "../../fakes/messages.ts";
import { belowTrace, withoutFields } from "../../fakes/header-fields.ts";
import { largeMessage, MailScene } from "./mail-scene.ts";
import { programs, variants } from "./variants.ts";
import type { Variant } from "./variants.ts";

let scene: MailScene | undefined;
let service: ContentService | undefined;
/** How the service fails now. */
let fault: Fault = "none";

afterEach(async () => {
  await scene?.close();
  await service?.close();
  [scene, service, fault] = [undefined, undefined, "none"];
});

/** A relay with the check, and what it asks. */
async function start({ check, asks, section }: Variant, more: string): Promise<MailScene> {
  service = "service" in asks ? await startContentService(asks.service, () => fault) : undefined;
  scene = await MailScene.start({ [check]: `${section(service?.place ?? "")}\n${more}` }, { files: programs });
  return scene;
}

const mail = "From: ann@far.example\r\nX-Old: 1\r\nSubject: hello\r\n\r\nHello\r\n";

/** The message for which the service or the program fails so. */
function failing({ asks }: Variant, how: string): string {
  fault = "service" in asks ? (how as Fault) : "none";
  return "service" in asks ? mail : `X-${asks.program}: ${how}\r\n${mail}`;
}

/** The last message at the hop. */
function last({ hop }: MailScene): string {
  return belowTrace(hop.received.at(-1)?.message ?? Buffer.alloc(0));
}

describe.each(Object.entries(variants))("%s", (_name, variant) => {
  it("defers where the answer is missing, half or a lie, works again with the next one, and waits for a slow one", async () => {
    const one = await start(variant, 'on_error = "defer"\ntimeout = "15s"');
    const faults = variant.faults.filter((how) => how !== "hung");
    for (const how of faults) {
      const message = failing(variant, how);
      // clamd may answer early only where there is more to come.
      const pieces = how === "early" ? largeMessage(2_000_000) : [Buffer.from(message)];
      expect([how, await one.send(pieces)]).toEqual([how, `451 4.3.0 ${variant.unable}`]);
      // Three failures in a row would let it rest.
      expect([how, await one.send(failing(variant, "none"))]).toEqual([how, expect.stringMatching(/^250/)]);
    }
    expect(one.hop.received).toHaveLength(faults.length);
    expect(one.relay.metrics.totals()[`check_faults{check="${variant.check}"}`] ?? 0).toBeGreaterThan(0);
    expect(await one.send(failing(variant, "slow"))).toMatch(/^250/);
    expect(one.hop.violations).toEqual([]);
    if (service !== undefined) {
      await service.close();
      service = undefined;
      expect(await one.send(mail)).toBe(`451 4.3.0 ${variant.unable}`);
    }
  }, 60_000);

  it("passes the message as it came, defers or refuses it, as on_error says", async () => {
    const hows = [variant.faults[0] ?? "", "half"];
    const open = await start(variant, 'on_error = "pass"\ntimeout = "15s"');
    for (const how of hows) {
      const message = failing(variant, how);
      expect([how, await open.send(message)]).toEqual([how, expect.stringMatching(/^250/)]);
      expect(last(open)).toBe(message);
    }
    await open.close();
    await service?.close();
    const late = await start(variant, 'on_error = "defer"\ntimeout = "300ms"');
    expect(await late.send(failing(variant, "hung"))).toBe(`451 4.3.0 ${variant.unable}`);
    await late.close();
    await service?.close();
    const closed = await start(variant, 'on_error = "refuse"\ntimeout = "15s"');
    for (const how of hows) {
      expect([how, await closed.send(failing(variant, how))]).toEqual([how, `554 5.3.0 ${variant.unable}`]);
    }
    expect(closed.hop.received).toEqual([]);
  }, 60_000);

  it("keeps every shape of message but for what it adds, and finds in each what it looks for", async () => {
    const one = await start(variant, 'on_error = "defer"\ntimeout = "15s"');
    for (const [shape, make] of Object.entries(shapes)) {
      const content = make("id");
      if (variant.leaves?.includes(shape) === true) {
        expect([shape, await one.send([wireOf(content)])]).toEqual([shape, `451 4.3.0 ${variant.unable}`]);
        continue;
      }
      expect([shape, await one.send([wireOf(content)])]).toEqual([shape, expect.stringMatching(/^250/)]);
      const got = last(one);
      expect(withoutFields(got, variant.owns), shape).toEqual(withoutFields(asPassedOn(content), variant.owns));
      if (variant.marks !== undefined) {
        expect(got, shape).toMatch(variant.marks);
      }
      const bad = make(condemned);
      if (variant.refuses !== undefined && bad.includes(condemned)) {
        expect([shape, await one.send([wireOf(bad)])]).toEqual([shape, expect.stringMatching(variant.refuses)]);
      }
    }
    expect(one.hop.violations).toEqual([]);
  }, 60_000);
});

it("takes the marks of the sender away, and leaves those of the checks in front", async () => {
  const [first, second] = [variants["scanner that holds"], variants["clamav that holds"]] as [Variant, Variant];
  service = await startContentService("clamd", () => fault);
  scene = await MailScene.start(
    { scanner: first.section(""), clamav: second.section(service.place) },
    { files: programs },
  );
  const forged = "X-Virus-Found: No\r\nX-Virus-Checked: by me\r\nX-Virus-Details:\r\n none\r\n";
  const bad = `${mail}${condemned}\r\n`;
  fault = "closed";
  expect(await scene.send(forged + bad)).toMatch(/^250/);
  const marks = "X-Virus-Found: Yes\r\nX-Virus-Details: Test.Virus\r\n";
  expect(last(scene)).toBe(marks + bad);
  fault = "none";
  expect(await scene.send(forged + mail)).toMatch(/^250/);
  expect(last(scene).match(/^X-Virus.*$/gm)).toEqual([
    expect.stringMatching(/^X-Virus-Checked: by ClamAV/),
    expect.stringMatching(/^X-Virus-Checked: /),
  ]);
});

it.each(["clamav that streams", "clamav that holds", "filter of messages"])(
  "%s passes 25 MB on as they came",
  async (name) => {
    const variant = variants[name] as Variant;
    const one = await start(variant, 'on_error = "defer"\ntimeout = "60s"\nmax_size = "30MB"');
    const pieces = largeMessage(24_900_000);
    expect(await one.send(pieces)).toMatch(/^250/);
    const [sent, got] = [Buffer.concat(pieces), one.hop.received[0]?.message ?? Buffer.alloc(0)];
    expect(got.length).toBeGreaterThan(sent.length);
    expect(got.subarray(sent.length * -1 + 1000).equals(sent.subarray(1000))).toBe(true);
    expect(last(one)).toMatch(variant.marks ?? /^From: /);
  },
  60_000,
);
