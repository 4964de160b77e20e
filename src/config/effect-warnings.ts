/** Warnings about settings that have no effect beside what the others say. */
import { parseNextHop } from "../mail/next-hop.ts";
import type { Settings } from "./sections.ts";
import type { Warning } from "./warning.ts";

/** Warnings about settings without effect. */
export function effectWarnings(settings: Settings): Warning[] {
  return [...sourceWarnings(settings), ...routeWarnings(settings), ...serviceWarnings(settings)];
}

type Odd = readonly [isOdd: boolean, path: readonly PropertyKey[], message: string];

function told(odd: readonly Odd[]): Warning[] {
  return odd.flatMap(([isOdd, path, message]) => (isOdd ? [{ path, message }] : []));
}

const noTls = "has no effect without TLS";
/** Types beside ldap that verify certificates. */
const byTls: ReadonlySet<string> = new Set(["sql", "graph", "google"]);
/** Words of `changes` that name an attribute of a directory server. */
const attributes: ReadonlySet<string> = new Set(["modifyTimestamp", "entryCSN", "uSNChanged"]);
/** Settings of one type, … */
const ownSettings = {
  graph: ["tenant", "client_id", "client_secret_file", "certificate_file"],
  google: ["key_file", "subject"],
} as const;
/** … and those that these types have not. */
const otherSettings = ["bind_dn", "user", "password_file", "base", "filter", "live_filter", "query"] as const;

/** Settings of other types that are set. */
function strangers(each: Settings["source"][number]): string[] {
  const { type } = each;
  const isService = type === "graph" || type === "google";
  const foreign = [
    ...(type === "graph" ? [] : ownSettings.graph),
    ...(type === "google" ? [] : ownSettings.google),
    ...(isService ? otherSettings : []),
  ];
  return foreign.filter((key) => each[key] !== "");
}

function sourceWarnings({ source, recipients, sync }: Settings): Warning[] {
  const isHandedOver = recipients.asked_file !== "" || sync.asked.length > 0;
  return source.flatMap((each, i) => {
    const secure = each.url.filter((url) => /^ldaps:/i.test(url)).length;
    const plain = each.url.filter((url) => /^ldap:/i.test(url)).length;
    const external = each.bind_dn === "EXTERNAL";
    const isLdap = each.type === "ldap";
    const at = (key: string): PropertyKey[] => ["source", i, key];
    return told([
      [
        each.changes === "search" && (!isLdap || !isHandedOver || sync.delta === 0),
        at("changes"),
        isLdap
          ? '"search" has no effect without [recipients] asked_file or [sync] asked, and [sync] delta'
          : `has no effect: type is "${each.type}"`,
      ],
      [!isLdap && attributes.has(each.changes), at("changes"), `has no effect: type is "${each.type}"`],
      [
        external && each.password_file !== "",
        at("password_file"),
        'has no effect: with bind_dn = "EXTERNAL" the server takes the identity of the connection; remove it, or name a bind_dn',
      ],
      ...strangers(each).map((key): Odd => [true, at(key), `has no effect: type is "${each.type}"`]),
      [
        each.ca_file !== "" && !byTls.has(each.type) && !(isLdap && (secure > 0 || each.starttls)),
        at("ca_file"),
        isLdap ? `${noTls}: write url = "ldaps://…", or starttls = true` : `has no effect: type is "${each.type}"`,
      ],
      [
        each.starttls && !(isLdap && plain > 0),
        at("starttls"),
        isLdap ? "has no effect: no url begins with ldap://" : `has no effect: type is "${each.type}"`,
      ],
    ]);
  });
}

const smtpSettings = { tls: "off", tls_name: "", ca_file: "", replies: "mirror" } as const;

function routeWarnings({ route, copy }: Settings): Warning[] {
  return [
    ...route.map((each, i) => ({ each, at: ["route", i] })),
    ...copy.map((each, i) => ({ each, at: ["copy", i] })),
  ].flatMap(({ each, at }) => {
    if (!each.next_hop.some((hop) => parseNextHop(hop) !== undefined)) {
      const isWeb = each.next_hop.some((hop) => hop.startsWith("https:"));
      return Object.entries(smtpSettings)
        .filter(([key, usual]) => each[key] !== usual && !(isWeb && key === "ca_file"))
        .map(([key]) => ({
          path: [...at, key],
          message: "has no effect: no next_hop of this route speaks SMTP or LMTP",
        }));
    }
    const encrypted = each.tls === "require" || each.next_hop.some((hop) => hop.startsWith("smtps:"));
    const why =
      each.tls === "opportunistic"
        ? 'has no effect: tls = "opportunistic" verifies no certificate; write tls = "require"'
        : `${noTls}: write tls = "require", or next_hop = "smtps://…"`;
    return told([[each.ca_file !== "" && !encrypted, [...at, "ca_file"], why]]);
  });
}

function serviceWarnings({ tls, auth }: Settings): Warning[] {
  return told([
    [tls.ca !== "" && tls.cert === "", ["tls", "ca"], `${noTls}: write [tls] cert and key`],
    [
      auth.sender_map !== "" && auth.sender === "any",
      ["auth", "sender_map"],
      'has no effect: [auth] sender is "any"; write sender = "own"',
    ],
  ]);
}
