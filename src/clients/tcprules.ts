/**
 * Client rules in the form of tcprules: client address → session variables, or no connection at all. One rule applies,
 * the first found in a fixed order of lookups; nothing is inherited from a wider one, and the order of lines has no
 * meaning. Beyond tcprules: CIDR blocks, which it keeps but never matches, and IPv6 addresses, prefixes and blocks, on
 * lines that it refuses.
 */
import { expandRange, normalIpv6, warnAddress } from "./addresses.ts";
import { Blocks, parseNetwork } from "../mail/blocks.ts";
import { type RuleLine, readLine } from "./rule-line.ts";
import { networkOfLiteral, shadowedLines } from "./shadows.ts";
import type { Claim } from "./shadows.ts";

/** What is wrong, or suspicious, and where. Line and column count from 1. */
export interface RuleFault {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Where a verdict comes from; of a range, the address that matched. */
export interface RuleOrigin {
  readonly line: number;
  readonly address: string;
}

/** What the rules say about a client. Without `rule`, none speaks of it. */
export type ClientVerdict =
  | { readonly kind: "allow"; readonly variables: ReadonlyMap<string, string>; readonly rule?: RuleOrigin }
  | { readonly kind: "deny"; readonly rule: RuleOrigin };

/** A client as rules see it. */
export interface Client {
  /** As normalIp of src/mail/network.ts writes it. */
  readonly ip: string;
  /** In lower case, forward-confirmed. Undefined: not known. "": known to be empty, which still matches `=`. */
  readonly host?: string | undefined;
  /** The user by ident (RFC 1413). Undefined: not known. */
  readonly info?: string | undefined;
}

const stranger: ClientVerdict = { kind: "allow", variables: new Map() };

/** Compiled rules. A lookup is a few Map accesses and does no I/O. */
export class ClientRules {
  /** Whether any rule asks for the client's host name. */
  readonly needsHost: boolean;
  /** Whether any rule asks for ident information. */
  readonly needsInfo: boolean;
  readonly #literals: ReadonlyMap<string, ClientVerdict>;
  readonly #blocks: Blocks<ClientVerdict>;

  constructor(literals: ReadonlyMap<string, ClientVerdict>, blocks: Blocks<ClientVerdict>) {
    const addresses = [...literals.keys()];
    this.needsHost = addresses.some((address) => address.startsWith("=") || address.includes("@="));
    this.needsInfo = addresses.some((address) => address.includes("@"));
    this.#literals = literals;
    this.#blocks = blocks;
  }

  /** Whether any client gets this session variable. */
  gives(variable: string): boolean {
    return this.valuesOf(variable).length > 0;
  }

  /** What clients get as this session variable, each rule's value. */
  valuesOf(variable: string): readonly string[] {
    const verdicts = [...this.#literals.values(), ...this.#blocks.values()];
    return verdicts.flatMap((verdict) => (verdict.kind === "allow" ? (verdict.variables.get(variable) ?? []) : []));
  }

  /** The verdict on a client; everybody of whom no rule speaks is allowed and gets no variables. */
  find({ ip, host, info }: Client): ClientVerdict {
    const rules = this.#literals;
    return (
      this.#findUser(ip, host, info) ??
      rules.get(ip) ??
      (host === undefined ? undefined : rules.get(`=${host}`)) ??
      this.#findNetwork(ip) ??
      this.#findDomain(host) ??
      rules.get("") ??
      stranger
    );
  }

  #findUser(ip: string, host: string | undefined, info: string | undefined): ClientVerdict | undefined {
    if (!this.needsInfo || info === undefined) {
      return undefined;
    }
    const verdict = this.#literals.get(`${info}@${ip}`);
    return verdict ?? (host === undefined ? undefined : this.#literals.get(`${info}@=${host}`));
  }

  /** Of prefixes and blocks around the address the narrowest; of two as narrow, the prefix. */
  #findNetwork(ip: string): ClientVerdict | undefined {
    for (let end = ip.lastIndexOf("."); end > 0; end = ip.lastIndexOf(".", end - 1)) {
      const prefix = ip.slice(0, end + 1);
      const verdict = this.#literals.get(prefix);
      if (verdict !== undefined) {
        return this.#blocks.find(ip, 8 * (prefix.split(".").length - 1)) ?? verdict;
      }
    }
    return this.#blocks.find(ip, -1);
  }

  #findDomain(host: string | undefined): ClientVerdict | undefined {
    if (!this.needsHost || host === undefined) {
      return undefined;
    }
    for (let dot = host.indexOf("."); dot !== -1; dot = host.indexOf(".", dot + 1)) {
      const verdict = this.#literals.get(`=${host.slice(dot)}`);
      if (verdict !== undefined) {
        return verdict;
      }
    }
    return this.#literals.get("=");
  }
}

/** No rules: every client is an untrusted client. */
export const emptyClientRules: ClientRules = new ClientRules(new Map(), new Blocks());

/** What a file of rules says. */
export interface ParsedClientRules {
  /** Empty if there are errors: a file is taken as a whole or not at all. */
  readonly rules: ClientRules;
  /** Lines that tcprules refuses to compile. */
  readonly faults: readonly RuleFault[];
  /** What compiles, and is most likely not what was meant. */
  readonly warnings: readonly RuleFault[];
}

interface Tables {
  readonly literals: Map<string, ClientVerdict>;
  readonly blocks: Blocks<ClientVerdict>;
  /** Which addresses each line speaks of first. */
  readonly claims: Claim[];
}

/** What came of entering a rule into the tables. */
interface Entered {
  readonly fault?: string;
  readonly warnings: readonly string[];
}

function verdictOf({ deny, variables }: RuleLine, address: string, line: number): ClientVerdict {
  const rule = { line, address };
  return deny ? { kind: "deny", rule } : { kind: "allow", variables, rule };
}

const shadowed = "an earlier line has the same address, and the first one wins";
const outdone = "never matches: more exact rules cover all of its addresses";

function enterBlock(rule: RuleLine, line: number, { blocks, claims }: Tables): Entered | undefined {
  const network = parseNetwork(rule.address);
  if (network === undefined) {
    return undefined;
  }
  const isFirst = blocks.add(network, verdictOf(rule, rule.address, line));
  if (isFirst) {
    claims.push({ line, network, isBlock: true });
  }
  const warnings = isFirst ? [] : [shadowed];
  return {
    warnings: network.hostBits ? ["the address has bits set beyond the length of the block", ...warnings] : warnings,
  };
}

/** Addresses of a denied range that an earlier line allows. */
function exceptionsOf(rule: RuleLine, addresses: readonly string[], literals: Tables["literals"]): string[] {
  const allowed = addresses.filter((address) => rule.deny && literals.get(address)?.kind === "allow");
  return allowed.length === 0 || allowed.length === addresses.length
    ? []
    : [`not all of the range is denied: an earlier line allows "${allowed[0]}", and the first one wins`];
}

function enterLiterals(rule: RuleLine, line: number, { literals, claims }: Tables): Entered {
  const ipv6 = normalIpv6(rule.address);
  const addresses = ipv6 === undefined ? expandRange(rule.address) : [ipv6];
  if (addresses === undefined) {
    return { fault: "a range must be of whole numbers; a host name begins with an equals sign", warnings: [] };
  }
  const [first] = addresses;
  if (first === undefined) {
    return { warnings: ["never matches: the range descends, or begins above 255"] };
  }
  const exceptions = exceptionsOf(rule, addresses, literals);
  const fresh = addresses.filter((address) => !literals.has(address));
  for (const address of fresh) {
    literals.set(address, verdictOf(rule, address, line));
    const network = networkOfLiteral(address);
    if (network !== undefined) {
      claims.push({ line, network, isBlock: false });
    }
  }
  const never = ipv6 === undefined ? warnAddress(first) : undefined;
  const warnings = never === undefined ? exceptions : [`never matches: ${never}`];
  if (ipv6 !== undefined && rule.address.endsWith("::")) {
    warnings.push("this is one address; a prefix ends in a single colon, a block in its length");
  }
  return { warnings: fresh.length === 0 ? [...warnings, shadowed] : warnings };
}

/**
 * Compiles a file of rules.
 * @param file its name in errors and warnings; nothing is read here.
 */
export function parseClientRules(text: string, file: string): ParsedClientRules {
  const tables: Tables = { literals: new Map(), blocks: new Blocks(), claims: [] };
  const faults: RuleFault[] = [];
  const warnings: RuleFault[] = [];
  for (const [index, whole] of text.split("\n").entries()) {
    const place = { file, line: index + 1 };
    const line = readLine(whole);
    switch (line.kind) {
      case "ignored":
        break;
      case "odd":
        warnings.push({ ...place, column: line.column, message: line.message });
        break;
      case "fault":
        faults.push({ ...place, column: line.column, message: line.message });
        break;
      case "rule": {
        const entered = enterBlock(line, place.line, tables) ?? enterLiterals(line, place.line, tables);
        warnings.push(...entered.warnings.map((message) => ({ ...place, column: 1, message })));
        warnings.push(...line.warnings.map((remark) => ({ ...place, ...remark })));
        if (entered.fault !== undefined) {
          faults.push({ ...place, column: 1, message: entered.fault });
        }
        break;
      }
    }
  }
  warnings.push(...[...shadowedLines(tables.claims)].map((line) => ({ file, line, column: 1, message: outdone })));
  warnings.sort((left, right) => left.line - right.line);
  const rules = faults.length === 0 ? new ClientRules(tables.literals, tables.blocks) : emptyClientRules;
  return { rules, faults, warnings };
}
