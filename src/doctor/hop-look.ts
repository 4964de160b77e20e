/** A look at a next hop before it is trusted: whether it answers, and whether it refuses unknown recipients itself. */
import { randomBytes } from "node:crypto";

import { HopConnection } from "../couriers/smtp/hop-connection.ts";
import type { HopEndpoint } from "../mail/hop-endpoint.ts";
import { errorMessage } from "../report/error-message.ts";

/** ms for the connection and for each reply. */
const patience = 10_000;

/** What was seen. */
export type HopLook =
  | { readonly kind: "silent"; readonly why: string }
  /** @param code of its reply to a recipient that cannot exist */
  | { readonly kind: "answers"; readonly features: readonly string[]; readonly code: number };

/** Asks about a recipient by chance, and sends nothing. Never rejects. */
export async function lookAtHop(endpoint: HopEndpoint, hostname: string, domain: string): Promise<HopLook> {
  try {
    const policy = { mode: "opportunistic", ca: undefined } as const;
    const connection = await HopConnection.open(endpoint, hostname, policy, patience);
    try {
      await connection.command("MAIL FROM:<>", patience);
      const nobody = `no-such-user-${randomBytes(6).toString("hex")}@${domain}`;
      const { reply } = await connection.command(`RCPT TO:<${nobody}>`, patience);
      return { kind: "answers", features: [...connection.features.keys()], code: reply.code };
    } finally {
      connection.destroy();
    }
  } catch (error) {
    return { kind: "silent", why: errorMessage(error) };
  }
}
