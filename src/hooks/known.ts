/** What a session goes back to behind STARTTLS. */
import type { Suspicion } from "./suspicion.ts";

/** What is known of a client at some moment: its variables, and whether checks are off. */
export interface Known {
  readonly variables: ReadonlyMap<string, string>;
  readonly toldPlugins: ReadonlyMap<string, string | undefined>;
  readonly checksOff: boolean;
  readonly whitelisted: boolean;
  readonly policyOff: boolean;
  readonly suspicion: Suspicion;
}
