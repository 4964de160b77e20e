/**
 * What is wrong with settings that are right each on its own: an alias of a domain that is not a relay domain, a name
 * given twice.
 */
import { errorMessage } from "../report/error-message.ts";
import { createDomains } from "../mail/domains.ts";
import { isLoopbackName, readEndpoint } from "../mail/network.ts";
import { domainFaults } from "./domain-faults.ts";
import { listenerFaults, placeFaults } from "./listener-faults.ts";
import { lookupFaults } from "./lookup-faults.ts";
import { routeFaults } from "./route-faults.ts";
import { runFaults } from "./run-faults.ts";
import { sourceFaults } from "./source-faults.ts";
import { stateUrlFaults } from "./state-faults.ts";
import type { IsGiven } from "./late.ts";
import type { Settings } from "./sections.ts";
import type { Path } from "./shape.ts";
import type { Fault } from "./fault.ts";
import { transferFaults } from "./transfer-faults.ts";
import { webFaults } from "./web-faults.ts";

type Report = (path: Path, message: string) => Fault;
type Finder = (settings: Settings, fault: Report, isGiven: IsGiven) => readonly Fault[];

/**
 * To add one, write a function of this form in a file of its own and name it here, beside the sections without which
 * there is nothing to find: the defaults are right by themselves, and what nobody asks for is not made (late.ts).
 */
const finders: readonly (readonly [sections: readonly (keyof Settings)[], find: Finder])[] = [
  [["domains"], aliasFaults],
  [["route", "domains", "domain", "source"], domainFaults],
  [["source"], ({ source }, fault) => repeated(source, "source", fault)],
  [["listener"], ({ listener }, fault) => repeated(listener, "listener", fault)],
  [["lookup"], ({ lookup }, fault) => repeated(lookup, "lookup", fault)],
  [["lookup", "listener", "smtp"], lookupFaults],
  [["tls", "scim"], tlsFaults],
  [["scim"], scimFaults],
  [["deliverabled"], liveFaults],
  [["listener"], listenerFaults],
  [["smtp", "listener", "lookup", "metrics", "web"], placeFaults],
  [["publish", "snapshot"], transferFaults],
  [["route", "copy", "source"], routeFaults],
  [["checks", "listener"], runFaults],
  [["source"], sourceFaults],
  [["control"], cacheFaults],
  [["web"], webFaults],
  [["state"], stateUrlFaults],
];

/** Errors that one setting alone cannot show. @param isGiven whether the file says something there */
export function relationFaults(settings: Settings, fault: Report, isGiven: IsGiven): Fault[] {
  return finders.flatMap(([sections, find]) =>
    sections.some((section) => isGiven(section)) ? find(settings, fault, isGiven) : [],
  );
}

function cacheFaults({ control: { urls, cache } }: Settings, fault: Report): Fault[] {
  return urls.length === 0 || cache !== ""
    ? []
    : [fault(["control", "urls"], "needs [control] cache: the folder in which the lists are kept")];
}

function aliasFaults({ domains }: Settings, fault: Report): Fault[] {
  return Object.entries(domains.aliases).flatMap(([alias, target]) => {
    try {
      createDomains(domains.relay, { [alias]: target });
      return [];
    } catch (error) {
      return [fault(["domains", "aliases", alias], errorMessage(error))];
    }
  });
}

function tlsFaults(settings: Settings, fault: Report): Fault[] {
  return (["tls", "scim"] as const).flatMap((section) => {
    const { cert, key } = settings[section];
    const [given, missing] = cert === "" ? ["key", "cert"] : ["cert", "key"];
    return (cert === "") === (key === "")
      ? []
      : [fault([section, given], `needs [${section}] ${missing} too: cert and key must be given together`)];
  });
}

/** Tokens and users do not go over a network in clear. */
function scimFaults({ scim: { listen, cert } }: Settings, fault: Report): Fault[] {
  return cert !== "" || isLoopbackName(readEndpoint(listen).host)
    ? []
    : [fault(["scim", "listen"], `"${listen}" can be reached from other machines: needs [scim] cert and key`)];
}

function liveFaults({ deliverabled, source }: Settings, fault: Report): Fault[] {
  return deliverabled.live.flatMap((name, i) =>
    source.find((one) => one.name === name)?.type === "ldap"
      ? []
      : [fault(["deliverabled", "live", i], `"${name}" is not the name of a [[source]] of type ldap`)],
  );
}

function repeated(sections: readonly { readonly name: string }[], section: string, fault: Report): Fault[] {
  const names = sections.map(({ name }) => name);
  return names.flatMap((name, i) =>
    names.indexOf(name) < i ? [fault([section, i, "name"], `"${name}" is taken by another [[${section}]]`)] : [],
  );
}
