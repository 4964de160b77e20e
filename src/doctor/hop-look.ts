/** A look at a next hop before it is trusted: whether it answers, and whether it refuses unknown recipients itself. */
import { randomBytes } from "node:crypto";

import { HopConnection } from "../couriers/smtp/hop-connection.ts";
import type { HopEndpoint } from "../mail/hop-endpoint.ts";
import { parseNextHop } from "../mail/next-hop.ts";
import { errorMessage } from "../report/error-message.ts";

/** ms for the connection and for each reply. */
const patience = 10_000;

/** What was seen. */
export type HopLook =
  | { readonly kind: "silent"; readonly why: string }
  /** @param code of its reply to a recipient that cannot exist */
  | { readonly kind: "answers"; readonly features: readonly string[]; readonly code: number };

/**
 * Asks about a recipient by chance, and sends nothing. Never rejects.
 * @param place as `next_hop` has it
 * @returns undefined for one that is no SMTP server: other couriers are tried by their first message
 */
export async function lookAtHop(place: string, hostname: string, domain: string): Promise<HopLook | undefined> {
  const hop = parseNextHop(place);
  return hop?.kind !== "host" || hop.scheme === "lmtp"
    ? undefined
    : look({ ...hop.endpoint, implicitTls: hop.scheme === "smtps" }, hostname, domain);
}

async function look(endpoint: HopEndpoint, hostname: string, domain: string): Promise<HopLook> {
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
