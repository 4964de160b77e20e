/** What a directory server says of itself. RFC 4512 5.1, RFC 3045. */
import { PagedResultsControl } from "ldapts";

import type { ServerWords } from "../presets/guess.ts";
import type { FoundEntry } from "./found-entry.ts";
import type { LdapConnection } from "./ldap-connection.ts";
import { printable } from "./printable.ts";
import { searchRequest } from "./paged-search.ts";

/** The root DSE, as far as it matters. */
export interface RootDse extends ServerWords {
  readonly namingContexts: readonly string[];
  /** Undefined: it hides its controls. */
  readonly offersPages: boolean | undefined;
  /** Undefined: it hides its extensions, as Samba does, which has it. */
  readonly offersStartTls: boolean | undefined;
}

/** Of a source that is not a server, or could not be asked. */
export const noRootDse: RootDse = {
  vendor: "",
  namingContexts: [],
  offersPages: undefined,
  offersStartTls: undefined,
  marks: new Set(),
};

const startTls = "1.3.6.1.4.1.1466.20037";

/** Asks for it. @throws SourceFault if no answer comes */
export async function readRootDse(connection: LdapConnection): Promise<RootDse> {
  const steps = connection.search(
    searchRequest({ base: "", scope: "base", filter: "(objectClass=*)", attributes: ["*", "+"], controls: [] }),
  );
  let found: FoundEntry | undefined;
  for (;;) {
    const step = await steps.next();
    if (step.done === true) {
      break;
    }
    found ??= step.value[0];
  }
  const values = (name: string): string[] =>
    (found?.attributes ?? [])
      .filter(({ type }) => type.toLowerCase() === name)
      .flatMap(({ values }) => values.map((value) => printable(value)));
  const controls = values("supportedcontrol");
  const extensions = values("supportedextension");
  const marks = [...values("objectclass"), ...values("structuralobjectclass"), ...values("supportedcapabilities")];
  return {
    vendor: [...values("vendorname"), ...values("vendorversion")].join(" "),
    namingContexts: values("namingcontexts"),
    offersPages: controls.length === 0 ? undefined : controls.includes(PagedResultsControl.type),
    offersStartTls: extensions.length === 0 ? undefined : extensions.includes(startTls),
    marks: new Set(marks.map((mark) => mark.toLowerCase())),
  };
}
