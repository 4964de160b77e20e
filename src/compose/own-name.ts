/** The relay's own name, for greetings, EHLO and Received. */
import { hostname } from "node:os";

import type { Settings } from "../config/sections.ts";

/** `[smtp] hostname`, or the name of the machine. */
export function ownName({ smtp }: Pick<Settings, "smtp">): string {
  return smtp.hostname === "" ? hostname() : smtp.hostname;
}
