/** The variables that a session begins with: its own, whatever its client rule has. */
import { expect, it } from "vitest";

import { environment } from "../../src/smtp/listener/environment.ts";

it("gives each session variables of its own; those of the client rule stay as they are for the next client", () => {
  const peer = { ip: "192.0.2.1", port: 4711, host: "" };
  const ruled = new Map([["RELAYCLIENT", ""]]);
  const [one, other] = [environment(peer, peer, ruled), environment(peer, peer, ruled)];
  one.delete("RELAYCLIENT");
  one.set("X", "1");
  expect([...ruled]).toEqual([["RELAYCLIENT", ""]]);
  expect([other.has("RELAYCLIENT"), other.has("X")]).toEqual([true, false]);
});
