/** The list in the words of other programs: one line a recipient, or a file of constant database. */
import { writeCdb } from "./cdb.ts";
import type { Deliverable, DomainNames } from "./deliverable.ts";

/** What a format makes. */
export interface Exported {
  readonly bytes: Buffer;
  /** Recipients in it. */
  readonly count: number;
  /** Recipients that the format cannot express: the other program will refuse them. */
  readonly left: readonly string[];
}

/** What a format is told. */
export interface ExportFacts {
  readonly names: DomainNames;
  /** What separates an extension from the user part; "" is nothing. */
  readonly delimiter: string;
}

type Make = (list: Iterable<Deliverable>, facts: ExportFacts) => Exported;

/** A format that names every domain cannot say `.example`. */
export class ExportFault extends Error {}

const atoms = /^[a-z0-9!#$%&'*+\-/=?^_`{|}~.]+$/;

/** As RCPT TO would write it. */
function quoteUser(user: string): string {
  // The empty user part has its quotes already, see normalKey.
  return atoms.test(user) || user === '""' ? user : `"${user.replace(/["\\]/g, "\\$&")}"`;
}

/** A recipient of every domain becomes one a domain. @throws ExportFault */
function* addresses(list: Iterable<Deliverable>, { names }: ExportFacts): Generator<string> {
  for (const { user, domain } of list) {
    const suffix = domain === "*" ? names.suffixes[0] : domain.startsWith(".") ? domain : undefined;
    if (suffix !== undefined) {
      throw new ExportFault(
        `"${user}" exists in every domain below "${suffix}", which this format cannot say: ` +
          "name the domains one by one in [domains] relay, or in the source's domains",
      );
    }
    for (const name of domain === "*" ? names.all : [domain]) {
      yield `${quoteUser(user)}@${name}`;
    }
  }
}

/** Lines, of which a key that cannot be one is left out. */
function lines(head: readonly string[], keys: Iterable<string>, line: (key: string) => string | undefined): Exported {
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
  return { bytes: Buffer.from(`${parts.join("\n")}\n`, "latin1"), count, left };
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
    return lines(head, addresses(list, facts), (key) => (isComment(key) ? undefined : `${key} OK`));
  };
}

/** The plugin's control file: user parts alone, accounts and short names apart from aliases. */
function goodmailto(list: Iterable<Deliverable>): Exported {
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
function goodrcptto(list: Iterable<Deliverable>, facts: ExportFacts): Exported {
  const keys = function* (): Generator<string> {
    for (const one of list) {
      yield* one.domain === "*" ? [one.user] : addresses([one], facts);
    }
  };
  const head = ["Recipients for qpsmtpd's check_goodrcptto, made by goodmailto export."];
  return lines(head, keys(), (key) => (isComment(key) || /[\s"\\]/.test(key) ? undefined : key));
}

/** Exim's lsearch: a key with anything strange in it stands in quotes. */
function exim(list: Iterable<Deliverable>, facts: ExportFacts): Exported {
  const head = ["Recipients of the relay domains for Exim's lsearch, made by goodmailto export, see docs/exports.md."];
  const quote = (key: string): string =>
    /^[a-z0-9][a-z0-9._@+=%/~-]*$/.test(key) ? `${key}:` : `"${key.replace(/["\\]/g, "\\$&")}":`;
  return lines(head, addresses(list, facts), quote);
}

/** John Simpson's validrcptto.cdb: whole addresses, of which the data do not matter. */
function validrcptto(list: Iterable<Deliverable>, facts: ExportFacts): Exported {
  const keys = [...addresses(list, facts)];
  return { bytes: writeCdb(keys), count: keys.length, left: [] };
}

/** By the word of `--format`. */
export const formats: Readonly<Record<string, Make>> = {
  goodmailto,
  goodrcptto,
  postfix: postfix(
    "relay_recipient_maps = lmdb:/etc/postfix/relay_recipients (run postmap lmdb:FILE after each export)",
  ),
  "validrcptto-cdb": validrcptto,
  exim,
  texthash: postfix(
    "relay_recipient_maps = texthash:/etc/postfix/relay_recipients (run postfix reload after each export)",
  ),
};
