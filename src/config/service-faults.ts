/** What a `[[source]]` of type graph or google needs to sign in, and what of it cannot be right. */
import { parseMailbox } from "../mail/address.ts";
import type { Settings } from "./sections.ts";
import type { Path } from "./shape.ts";

type One = Settings["source"][number];
/** The setting, and what is wrong with it. */
type Finding = readonly [path: Path, message: string];

/** Part of a path at the sign-in, so nothing else may be in it. */
const name = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i;
/** Microsoft's words for any tenant. */
const anyTenant = /^(?:common|organizations|consumers)$/i;

/** Where addresses are, by type. */
const attributesOf = {
  graph: ["proxyAddresses", "mail", "userPrincipalName"],
  google: ["primaryEmail", "email", "aliases", "nonEditableAliases"],
} as const;

/** Errors of one source; none of another type. */
export function serviceFaults(one: One): Finding[] {
  switch (one.type) {
    case "graph":
      return [...graphFaults(one), ...attributeFaults(one.attributes, attributesOf.graph)];
    case "google":
      return [...googleFaults(one), ...attributeFaults(one.attributes, attributesOf.google)];
    case "ldap":
    case "ldif":
    case "list":
    case "cdb":
    case "csv":
    case "sql":
    case "scim":
    case "command":
      return [];
  }
}

function graphFaults({
  tenant,
  client_id: id,
  client_secret_file: secret,
  certificate_file: certificate,
}: One): Finding[] {
  const allowed = "the directory ID of one tenant, or one of its domains";
  const wrong: Finding[] = [];
  if (tenant === "") {
    wrong.push([[], `tenant is missing or empty; type "graph" needs it; allowed: ${allowed}`]);
  } else if (!name.test(tenant) || anyTenant.test(tenant)) {
    wrong.push([["tenant"], `${JSON.stringify(tenant)} is not a tenant; allowed: ${allowed}`]);
  }
  if (id === "") {
    wrong.push([[], 'client_id is missing or empty; type "graph" needs it; allowed: an application (client) ID']);
  } else if (!name.test(id)) {
    wrong.push([
      ["client_id"],
      `${JSON.stringify(id)} is not an application (client) ID; allowed: letters, digits and "-"`,
    ]);
  }
  if (secret === "" && certificate === "") {
    wrong.push([[], 'client_secret_file or certificate_file is missing; type "graph" needs one of them']);
  } else if (secret !== "" && certificate !== "") {
    wrong.push([["certificate_file"], "must not be there beside client_secret_file; allowed: one of them"]);
  }
  return wrong;
}

function googleFaults({ key_file: file, subject }: One): Finding[] {
  const allowed = "the address of an administrator, user@domain";
  const wrong: Finding[] = [];
  if (file === "") {
    wrong.push([
      [],
      'key_file is missing or empty; type "google" needs it; allowed: the JSON key of a service account',
    ]);
  }
  if (subject === "") {
    wrong.push([[], `subject is missing or empty; type "google" needs it; allowed: ${allowed}`]);
  } else if ((parseMailbox(subject)?.domain ?? "") === "") {
    wrong.push([["subject"], `${JSON.stringify(subject)} is not an address; allowed: ${allowed}`]);
  }
  return wrong;
}

/** Only these are asked for. */
function attributeFaults(attributes: One["attributes"], known: readonly string[]): Finding[] {
  const names = new Set(known.map((one) => one.toLowerCase()));
  return attributes.flatMap((one, i): Finding[] =>
    names.has(one.toLowerCase())
      ? []
      : [[["attributes", i], `${JSON.stringify(one)} cannot be read; allowed: ${known.join(", ")}`]],
  );
}
