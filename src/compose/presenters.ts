/** Who may speak for others by XCLIENT: `[[listener]] xclient_from`. */
import type { ListenerPlan } from "../config/listening.ts";
import type { Settings } from "../config/sections.ts";
import { readIpEntries } from "../mail/ip-entry.ts";
import type { Presenters } from "../smtp/service.ts";
import { loginVariables } from "./authenticators.ts";

/** Undefined: nobody may. */
export function presentersOf(
  { xclient_from: from, xclient_login: login }: ListenerPlan,
  { auth }: Settings,
): Presenters | undefined {
  const addresses = readIpEntries(from);
  return addresses === undefined ? undefined : { addresses, login: login ? loginVariables(auth) : undefined };
}
