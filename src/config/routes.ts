/** `[[route]]`: the next hop of each domain. */
import * as z from "zod";

import { parseHopPlace } from "../mail/next-hop.ts";
import type { SettingFault } from "./check-words.ts";
import * as field from "./fields.ts";
import { lateSection, lateShape } from "./late.ts";
import { meantNextHop } from "./meant.ts";
import * as text from "./texts.ts";

/** What the configuration must know of a courier. The registry of src/couriers gives it. */
export interface CourierSettings {
  readonly name: string;
  readonly doc: string;
  readonly place: field.TextRule;
  readonly settings: Readonly<Record<string, z.ZodType>>;
  faults?(settings: Readonly<Record<string, unknown>>): readonly SettingFault[];
  /** Of one whose next hop answers RCPT: several of the same protocol can take each other's place. */
  readonly speaks?: "SMTP" | "LMTP";
}

/** How every route goes on with its next hop. */
const connection = {
  tls: () =>
    field.choice(
      ["off", "opportunistic", "require"],
      "off",
      "STARTTLS to the next hop. off: never. opportunistic: if offered, without verification. require: always, with a verified certificate.",
    ),
  tls_name: () =>
    field.textBy(
      text.hostNameRule,
      "",
      "Name that the next hop's certificate must have, if next_hop is an address or another name. Empty: the host of next_hop.",
    ),
  ca_file: () =>
    field.file(
      "",
      "relay",
      "File with the CA certificates (PEM) that may issue the next hop's certificate. Empty: those of the system.",
    ),
  replies: () =>
    field.choice(
      ["mirror", "own"],
      "mirror",
      "How the next hop's replies are passed to clients. mirror: unchanged, including queue ids. own: its codes with texts of goodmailto, so that clients learn nothing about the internal network; the log has the original.",
    ),
  forward_client: () =>
    field.choice(
      ["off", "xclient", "xforward"],
      "off",
      "How the next hop, such as Postfix, hears of the client: address, name, HELO, protocol, port, login. xclient: it treats the client as its own (smtpd_authorized_xclient_hosts). xforward: it logs the client (smtpd_authorized_xforward_hosts). Only what the next hop offers is sent, and nothing if it offers neither. The name is only known with [smtp] reverse_lookup. Copies and the relay's own messages have no client.",
    ),
  timeout: () =>
    field.duration(
      "1m",
      "Timeout for connecting, for each reply of the next hop, and for waiting until a next hop that is full takes another connection. The client waits meanwhile; RFC 5321 4.5.3.2 allows 5 minutes.",
      ["10ms", "30d"],
    ),
  data_timeout: () =>
    field.duration(
      "10m",
      "Timeout for the reply to the final dot. RFC 5321 4.5.3.2.6: 10 minutes, so that no message is sent twice.",
      ["10ms", "30d"],
    ),
};

/** What every route has, whatever its courier. */
function common(all: readonly CourierSettings[]) {
  const couriers = all.toSorted((a, b) => rank(a) - rank(b));
  const nextHopRule: field.TextRule = {
    allowed: couriers.map(({ place }) => place.allowed).join(", "),
    fits: (hop) => courierOf(couriers, hop) !== undefined,
  };
  return {
    domain: () =>
      field.textBy(text.routeRule, "*", 'A domain, ".name" for all its subdomains, or "*" for all others.', {
        required: true,
      }),
    next_hop: () =>
      field.oneOrMore(
        nextHopRule,
        "smtp://192.0.2.25:25",
        `Next hop. ${couriers.map(({ doc }) => doc).join(" ")} A list of servers is tried in order, with every address of each.`,
        { required: true, suggest: meantNextHop },
      ),
    ...connection,
  };
}

/** Servers are named first, SMTP before LMTP. */
function rank({ speaks }: CourierSettings): number {
  return ["SMTP", "LMTP", undefined].indexOf(speaks);
}

/** The courier that takes a next hop. */
function courierOf(couriers: readonly CourierSettings[], hop: string): CourierSettings | undefined {
  const { scheme, place = "" } = parseHopPlace(hop) ?? {};
  return couriers.find(({ name, place: rule }) => name === scheme && rule.fits(place));
}

type Makers = ReturnType<typeof common>;
type Common = z.infer<z.ZodObject<{ readonly [Key in keyof Makers]: ReturnType<Makers[Key]> }>>;

/** Of one route; the settings of couriers by their keys. */
export type RouteSettings = Common & Readonly<Record<string, unknown>>;

/** What is wrong with next hops that are right each on its own. */
function hopIssues(
  couriers: readonly CourierSettings[],
  hops: readonly string[],
): readonly { readonly message: string; readonly path: readonly number[] }[] {
  const found = hops.map((hop) => courierOf(couriers, hop));
  const alone = found.findIndex((courier) => courier !== undefined && courier.speaks === undefined);
  if (alone >= 0) {
    const message = `needs to be "${hops[alone]}" alone: no other next hop can take its place`;
    return hops.length > 1 ? [{ message, path: [alone] }] : [];
  }
  // What is no next hop has its own error.
  const first = found.findIndex((courier) => courier !== undefined);
  const other = found.findIndex((courier) => courier !== undefined && courier.speaks !== found[first]?.speaks);
  const message = `cannot stand beside "${hops[first]}": a server that speaks LMTP and one that speaks SMTP cannot take each other's place`;
  return other < 0 ? [] : [{ message, path: [other] }];
}

export function routeSection(couriers: readonly CourierSettings[]): z.ZodType<RouteSettings> {
  const own = couriers.flatMap(({ settings }) =>
    Object.keys(settings).map((key) => [key, () => settings[key]] as const),
  );
  // The keys of couriers are not in the type of the shape.
  const shape = lateShape({ ...common(couriers), ...Object.fromEntries(own) } as Makers);
  const section = lateSection(shape, {
    required: ["domain", "next_hop"],
    rule: (settings) => {
      const { next_hop: hops } = settings;
      const found = hops.map((hop) => courierOf(couriers, hop));
      return [
        ...hopIssues(couriers, hops).map(({ path, message }) => ({ path: ["next_hop", ...path], message })),
        ...found.flatMap(
          (courier) => courier?.faults?.(settings).map(({ key, message }) => ({ path: [key], message })) ?? [],
        ),
      ];
    },
  });
  // As above.
  return section as unknown as z.ZodType<RouteSettings>;
}

/**
 * The same of each `[[source]] next_hop`, whose declaration knows no couriers. It is a route with the settings of the
 * `[[route]]` that has the same next hop, otherwise with the defaults, which not every courier can do with.
 */
export function sourceHopFaults(
  sources: readonly { readonly next_hop: readonly string[] }[],
  routes: readonly RouteSettings[],
  couriers: readonly CourierSettings[],
): { readonly path: readonly PropertyKey[]; readonly message: string }[] {
  return sources.flatMap(({ next_hop: hops }, i) => {
    const given = routes.some(({ next_hop: other }) => other.join(" ") === hops.join(" "));
    const tried = hops.length === 0 ? undefined : routeSection(couriers).safeParse({ domain: "*", next_hop: hops });
    return (tried?.error?.issues ?? []).flatMap(({ path, message }) => {
      const [key = "", ...rest] = path;
      if (key === "next_hop") {
        return [{ path: ["source", i, "next_hop", ...rest], message }];
      }
      const missing = `needs a [[route]] with the same next_hop: its ${String(key)} ${message}`;
      return given ? [] : [{ path: ["source", i, "next_hop"], message: missing }];
    });
  });
}
