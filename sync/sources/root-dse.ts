/** What a directory server says of itself, and which preset fits it. RFC 4512 5.1, RFC 3045. */
import { PagedResultsControl, type SearchEntry } from "ldapts";

import type { SourceSettings } from "../../src/config/schema.ts";
import { printable, type LdapConnection } from "./ldap-connection.ts";
import { searchRequest } from "./paged-search.ts";

/** The root DSE, as far as it matters. */
export interface RootDse {
  /** Vendor and version in the server's words; "" if it hides them. */
  readonly vendor: string;
  readonly namingContexts: readonly string[];
  /** Undefined: it hides its controls. */
  readonly offersPages: boolean | undefined;
  readonly offersStartTls: boolean;
  /** Names of further attributes that distinguish products, in lower case. */
  readonly marks: ReadonlySet<string>;
}

/** Of a source that is not a server, or could not be asked. */
export const noRootDse: RootDse = {
  vendor: "",
  namingContexts: [],
  offersPages: undefined,
  offersStartTls: false,
  marks: new Set(),
};

const startTls = "1.3.6.1.4.1.1466.20037";
const activeDirectory = "1.2.840.113556.1.4.800";

/** Asks for it. @throws SourceFault if no answer comes */
export async function readRootDse(connection: LdapConnection): Promise<RootDse> {
  const steps = connection.search(
    searchRequest({ base: "", scope: "base", filter: "(objectClass=*)", attributes: ["*", "+"], controls: [] }),
  );
  let found: SearchEntry | undefined;
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
      .flatMap(({ values }) => values.map((value) => printable(String(value))));
  const controls = values("supportedcontrol");
  const marks = [...values("objectclass"), ...values("structuralobjectclass"), ...values("supportedcapabilities")];
  return {
    vendor: [...values("vendorname"), ...values("vendorversion")].join(" "),
    namingContexts: values("namingcontexts"),
    offersPages: controls.length === 0 ? undefined : controls.includes(PagedResultsControl.type),
    offersStartTls: values("supportedextension").includes(startTls),
    marks: new Set(marks.map((mark) => mark.toLowerCase())),
  };
}

/** Object classes that only one product's entries have. */
const byClass: readonly (readonly [RegExp, SourceSettings["preset"]])[] = [
  [/^zimbra(?:account|distributionlist|group)$/, "zimbra"],
  [/^univentionmail$/, "univention"],
  [/^qmail(?:user|group)$/, "qmail-ldap"],
  [/^domino(?:person|group|servermailindatabase|resource|serverresource)$/, "domino"],
];

/** The preset that fits; undefined if it cannot be recognised. */
export function guessPreset(
  { vendor, marks }: RootDse,
  classes: ReadonlyMap<string, number>,
): SourceSettings["preset"] | undefined {
  const names = [...classes.keys()].map((name) => name.toLowerCase());
  const own = byClass.find(([pattern]) => names.some((name) => pattern.test(name)));
  if (own !== undefined) {
    return own[1];
  }
  if (marks.has(activeDirectory) || /samba/i.test(vendor)) {
    return "active-directory";
  }
  if (/domino|lotus|hcl/i.test(vendor)) {
    return "domino";
  }
  if (/389|red hat|fedora|sun micro|oracle/i.test(vendor)) {
    return "389ds";
  }
  return marks.has("openldaprootdse") || /openldap/i.test(vendor) ? "openldap" : undefined;
}
