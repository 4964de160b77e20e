/** Warnings about relay domains and routes without which no mail is relayed. */
import type { Settings } from "./sections.ts";
import type { Warning } from "./warning.ts";

/** `relay = []`, and relay domains without a route. */
export function domainWarnings({ domains, route }: Settings): Warning[] {
  const warnings: Warning[] = [];
  if (domains.relay.length === 0) {
    const message = 'is empty: mail for every domain is refused; write relay = ["your.domain"]';
    warnings.push({ path: ["domains", "relay"], message });
  }
  if (route.length === 0) {
    const message =
      'is missing: accepted mail has no next hop and gets 451; write [[route]] with domain = "*" and next_hop = "smtp://host:port"';
    warnings.push({ path: ["route"], message });
  }
  return warnings;
}
