/** A relay whose next hops are folders and programs, and one SMTP server beside them. */
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay, TestRelayOptions } from "../fakes/relay.ts";

const open: { readonly relay: TestRelay; readonly hop: NextHop }[] = [];

/** Ends what the test began. */
export async function closePlaces(): Promise<void> {
  for (const { relay, hop } of open.splice(0)) {
    await hop.close();
    await relay.stop();
  }
}

/**
 * Domains kontor.example (the route of the test) and smtp.example (the SMTP server).
 * @param route its next_hop and further settings; `{folder}` is the relay's folder
 */
export async function placeScene(
  route: string,
  { config = "", ...options }: Partial<TestRelayOptions> = {},
): Promise<{ relay: TestRelay; hop: NextHop }> {
  const hop = await startNextHop();
  const relay = await startTestRelay({
    config: `[domains]
relay = ["kontor.example", "smtp.example"]
[[route]]
domain = "kontor.example"
${route}
[[route]]
domain = "smtp.example"
next_hop = "smtp://127.0.0.1:${hop.port}"
${config}`,
    ...options,
  });
  open.push({ relay, hop });
  return { relay, hop };
}
