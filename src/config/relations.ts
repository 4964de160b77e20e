/** What is wrong with settings that are right each on its own: an alias of a domain that is not ours, a name given twice. */
import { errorMessage } from "../report/error-message.ts";
import { createDomains } from "../mail/domains.ts";
import { domainFaults } from "./domain-faults.ts";
import { listenerFaults, placeFaults } from "./listener-faults.ts";
import { routeFaults } from "./route-faults.ts";
import { runFaults } from "./run-faults.ts";
import type { Settings } from "./sections.ts";
import type { Path } from "./shape.ts";
import type { Fault } from "./fault.ts";
import { transferFaults } from "./transfer-faults.ts";

/** Errors that one setting alone cannot show. */
export function relationFaults(settings: Settings, fault: (path: Path, message: string) => Fault): Fault[] {
  const faults: Fault[] = [];
  const attempt = (path: Path, action: () => unknown): void => {
    try {
      action();
    } catch (error) {
      faults.push(fault(path, errorMessage(error)));
    }
  };
  for (const [alias, target] of Object.entries(settings.domains.aliases)) {
    attempt(["domains", "aliases", alias], () => createDomains(settings.domains.relay, { [alias]: target }));
  }
  faults.push(...domainFaults(settings, fault));
  faults.push(
    ...repeated(
      settings.source.map(({ name }) => name),
      "source",
      fault,
    ),
  );
  faults.push(
    ...repeated(
      settings.listener.map(({ name }) => name),
      "listener",
      fault,
    ),
  );
  const [given, missing] = settings.tls.cert === "" ? ["key", "cert"] : ["cert", "key"];
  if ((settings.tls.cert === "") !== (settings.tls.key === "")) {
    faults.push(fault(["tls", given], `needs [tls] ${missing} too: cert and key must be given together`));
  }
  for (const [i, name] of settings.deliverabled.live.entries()) {
    if (settings.source.find((source) => source.name === name)?.type !== "ldap") {
      faults.push(fault(["deliverabled", "live", i], `"${name}" is not the name of a [[source]] of type ldap`));
    }
  }
  faults.push(...listenerFaults(settings, fault), ...placeFaults(settings, fault));
  faults.push(...transferFaults(settings, fault));
  faults.push(...routeFaults(settings, fault));
  faults.push(...runFaults(settings, fault));
  return faults;
}

function repeated(names: readonly string[], section: string, fault: (path: Path, message: string) => Fault): Fault[] {
  return names.flatMap((name, i) =>
    names.indexOf(name) < i ? [fault([section, i, "name"], `"${name}" is taken by another [[${section}]]`)] : [],
  );
}
