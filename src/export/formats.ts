/** The list in the words of other programs: one line a recipient, or a file of constant database. */
import { writeCdb } from "./cdb.ts";
import type { Deliverable, DomainNames } from "./deliverable.ts";
import { distinct } from "./distinct.ts";
import { ExportFault } from "./export-fault.ts";
import type { UserNameForm } from "../dns/user-names.ts";
import { transportMap } from "./transport.ts";
import { zoneRecords } from "./zone.ts";

/** What a format makes. */
export interface Exported {
  readonly bytes: Buffer;
  /** Recipients in it. */
  readonly count: number;
  /** Recipients that the format cannot express: the other program will refuse them. */
  readonly left: readonly string[];
  /** Refusals of the list that the format cannot express: the other program will accept them by a catch-all. */
  readonly open: readonly string[];
}

/** The input of a format. */
export interface ExportFacts {
  readonly names: DomainNames;
  /** What separates an extension from the user part; "" is nothing. */
  readonly delimiter: string;
  /** The `[[source]] next_hop` of a recipient, or of everybody in a domain (user ""); none: by domain. */
  readonly hopOf: (user: string, domain: string) => readonly string[];
}

/** Without `open`, which is the same for all. */
type Made = Omit<Exported, "open">;
type Make<T extends Made = Made> = (list: Iterable<Deliverable>, facts: ExportFacts) => T;

/**
 * What of the wildcards of a list a format can say; the rest is an error, for all whom they stand for would be refused.
 */
type Wildcards = "none" | "catchall" | "all";

/** A format with the list that it can say. */
function saying(wildcards: Wildcards, make: Make): Make<Exported> {
  return (list, facts) => {
    const refused: string[] = [];
    const domains = new Set<string>();
    const made = make(sayable(list, wildcards, refused, domains), facts);
    return { ...made, open: refused.filter((key) => domains.has(key.slice(key.lastIndexOf("@") + 1))) };
  };
}

/**
 * @param refused takes the refusals, if they cannot be said
 * @param domains takes those of the catch-alls
 * @throws ExportFault
 */
function* sayable(
  list: Iterable<Deliverable>,
  wildcards: Wildcards,
  refused: string[],
  domains: Set<string>,
): Generator<Deliverable> {
  for (const one of list) {
    const { kind, user, domain } = one;
    const isSayable = wildcards === "all" || (kind === "catchall" ? wildcards === "catchall" : kind !== "extension");
    if (!isSayable) {
      throw new ExportFault(
        `"${user}@${domain}" of the list represents many addresses, which this format cannot express: ` +
          "use a format that can (validrcptto-cdb), or list the addresses one by one",
      );
    }
    if (kind === "catchall") {
      domains.add(domain);
    }
    if (kind === "refused" && wildcards !== "all") {
      refused.push(`${user}@${domain}`);
    } else {
      yield one;
    }
  }
}

const atoms = /^[a-z0-9!#$%&'*+\-/=?^_`{|}~.\u{80}-\u{10ffff}]+$/u;

/** As RCPT TO would write it. */
function quoteUser(user: string): string {
  // The empty user part has its quotes already, see normalKey.
  return atoms.test(user) || user === '""' ? user : `"${user.replace(/["\\]/g, "\\$&")}"`;
}

/** `user@domain`, or a domain. */
function quoteKey(key: string): string {
  const at = key.lastIndexOf("@");
  return at < 0 ? key : addressOf(key.slice(0, at), key.slice(at + 1));
}

/** Everybody of a domain has no user part. */
function addressOf(user: string, domain: string): string {
  return `${user === "" ? "" : quoteUser(user)}@${domain}`;
}

function* addresses(list: Iterable<Deliverable>, facts: ExportFacts): Generator<string> {
  for (const { user, domain } of inEachDomain(list, facts)) {
    yield addressOf(user, domain);
  }
}

/** A recipient of every domain becomes one per domain. @throws ExportFault */
function* inEachDomain(list: Iterable<Deliverable>, { names }: ExportFacts): Generator<Deliverable> {
  for (const one of list) {
    const { user, domain } = one;
    const suffix = domain === "*" ? names.suffixes[0] : domain.startsWith(".") ? domain : undefined;
    if (suffix !== undefined) {
      throw new ExportFault(
        `"${user}" exists in every domain below "${suffix}", which this format cannot say: ` +
          "name the domains one by one in [domains] relay, or in the source's domains",
      );
    }
    for (const name of domain === "*" ? names.all : [domain]) {
      yield { ...one, domain: name };
    }
  }
}

/** Lines, of which a key that cannot be one is left out. */
function lines(head: readonly string[], keys: Iterable<string>, line: (key: string) => string | undefined): Made {
  const parts = [...head.map((text) => `# ${text}`.trimEnd())];
  const left: string[] = [];
  let count = 0;
  for (const key of keys) {
    const text = line(key);
    if (text === undefined) {
      left.push(key);
    } else {
      count += 1;
      parts.push(text);
    }
  }
  return { bytes: Buffer.from(`${parts.join("\n")}\n`, "utf8"), count, left };
}

/** A line that begins so is a comment everywhere. */
const isComment = (key: string): boolean => key.startsWith("#");

function postfix(how: string): Make {
  return (list, facts) => {
    const { names, delimiter } = facts;
    const head = [
      "Recipients of the relay domains, made by goodmailto export. main.cf, see docs/exports.md:",
      `relay_domains = ${[...names.all, ...names.suffixes].join(" ")}`,
      how,
      `recipient_delimiter = ${delimiter}`,
    ];
    return lines(head, distinct(addresses(list, facts)), (key) => (isComment(key) ? undefined : `${key} OK`));
  };
}

/** The plugin's control file: user parts alone, accounts and short names apart from aliases. */
function goodmailto(list: Iterable<Deliverable>): Made {
  const accounts = new Set<string>();
  const aliases = new Set<string>();
  for (const { user, kind } of list) {
    (kind === "account" || kind === "shortname" ? accounts : aliases).add(user);
  }
  const plain = (user: string): string | undefined => (isComment(user) || !atoms.test(user) ? undefined : user);
  const first = lines(
    ["Aliases ####"],
    [...aliases].filter((user) => !accounts.has(user)),
    plain,
  );
  const second = lines(["Accounts ####"], accounts, plain);
  return {
    bytes: Buffer.concat([first.bytes, second.bytes]),
    count: first.count + second.count,
    left: [...first.left, ...second.left],
  };
}

/** qpsmtpd's check_goodrcptto: a bare user part is one of every domain. */
function goodrcptto(list: Iterable<Deliverable>, facts: ExportFacts): Made {
  const keys = function* (): Generator<string> {
    for (const one of list) {
      yield* one.domain === "*" ? [one.user] : addresses([one], facts);
    }
  };
  const head = ["Recipients for qpsmtpd's check_goodrcptto, made by goodmailto export."];
  return lines(head, keys(), (key) => (isComment(key) || /[\s"\\]/.test(key) ? undefined : key));
}

/** Exim's lsearch: a key with anything strange in it is in quotes. */
function exim(list: Iterable<Deliverable>, facts: ExportFacts): Made {
  const head = ["Recipients of the relay domains for Exim's lsearch, made by goodmailto export, see docs/exports.md."];
  const quote = (key: string): string =>
    /^[a-z0-9][a-z0-9._@+=%/~-]*$/.test(key) ? `${key}:` : `"${key.replace(/["\\]/g, "\\$&")}":`;
  return lines(head, addresses(list, facts), quote);
}

/**
 * John Simpson's validrcptto.cdb: complete addresses and wildcards, of which the data say only whether one is refused.
 */
function validrcptto(list: Iterable<Deliverable>, facts: ExportFacts): Made {
  const data = new Map<string, string>();
  const all = [...list];
  for (const { user, domain } of all.filter(({ kind }) => kind === "refused")) {
    data.set(addressOf(user, domain), "-");
  }
  const keys = [...addresses(all, facts)];
  return { bytes: writeCdb(keys, data), count: keys.length - data.size, left: [] };
}

/** Records of a zone for the check dns_user, to be included into one. */
function dnsZone(form: UserNameForm): Make {
  return (list, facts) => {
    const { lines: records, count, left } = zoneRecords(form, inEachDomain(list, facts));
    const head = "; Recipients for the check dns_user, made by goodmailto export: $INCLUDE this into its zone.";
    return { bytes: Buffer.from(`${[head, ...records].join("\n")}\n`, "utf8"), count, left };
  };
}

/** By the word of `--format`. */
export const formats: Readonly<Record<string, Make<Exported>>> = {
  goodmailto: saying("none", goodmailto),
  goodrcptto: saying("catchall", goodrcptto),
  postfix: saying(
    "catchall",
    postfix("relay_recipient_maps = lmdb:/etc/postfix/relay_recipients (run postmap lmdb:FILE after each export)"),
  ),
  "validrcptto-cdb": saying("all", validrcptto),
  exim: saying("none", exim),
  "dns-zone": saying("catchall", dnsZone("plain")),
  "dns-zone-hash": saying("none", dnsZone("hash")),
  "postfix-transport": saying("catchall", (list, facts) => {
    const { head, ways } = transportMap(inEachDomain(list, facts), facts.hopOf);
    return lines(head, distinct(ways.keys()), (key) =>
      isComment(key) ? undefined : `${quoteKey(key)} ${ways.get(key)}`,
    );
  }),
  texthash: saying(
    "catchall",
    postfix("relay_recipient_maps = texthash:/etc/postfix/relay_recipients (run postfix reload after each export)"),
  ),
};
