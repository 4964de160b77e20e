/** How the relay speaks with clients: settings of `[smtp]` in the words of the SMTP side. */
import type { Settings } from "../config/sections.ts";
import type { Service } from "../smtp/service.ts";

type Manners = Pick<
  Service,
  "lenient" | "idn" | "dsn" | "smtputf8" | "normaliseNewlines" | "chunking" | "reverseLookup" | "logSessions"
>;

/** The same for all listeners. */
export function mannersOf({ smtp, log }: Settings): Manners {
  return {
    lenient: smtp.lenient_helo,
    idn: smtp.idn,
    dsn: smtp.dsn,
    smtputf8: smtp.smtputf8,
    normaliseNewlines: smtp.bare_newlines === "normalise",
    chunking: smtp.chunking,
    reverseLookup: smtp.reverse_lookup,
    logSessions: log.sessions,
  };
}
