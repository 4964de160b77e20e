/** Makes the authenticator that `[auth]` asks for. */
import type { Settings } from "../config/sections.ts";
import type { Authenticator } from "../smtp/auth.ts";

/** Undefined where no back end is configured: AUTH is not offered then. */
export function createAuthenticator(_settings: Settings["auth"]): Authenticator | undefined {
  return undefined;
}
