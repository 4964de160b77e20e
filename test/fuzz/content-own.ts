/** Checks of a chain that ask nobody but DNS: authentication, dkimsign, split, hashcash. */
import { dkimVerify } from "mailauth/lib/dkim/verify.js";

import { keyRecord, makeKey } from "../../src/dkim/signing-key.ts";
import type { Plan } from "./content-plan.ts";

/** One check of a chain. */
export interface Link {
  readonly check: string;
  readonly section: string;
  /** Of test/message/checks. */
  readonly isOutside?: boolean;
  readonly owns: RegExp;
  /** Behind the body. */
  readonly appends?: string;
  /** Why a message that arrived must not have. */
  complaint?(plan: Plan, arrived: string): Complaint | Promise<Complaint>;
}

type Complaint = string | undefined;

const key = makeKey("rsa");
const record = keyRecord(key);

/** Files of the relay's folder that they need. */
export const ownFiles: Readonly<Record<string, string | { readonly text: string; readonly mode: number }>> = {
  "dkim.pem": { text: key, mode: 0o600 },
  // anna takes spam that the others do not take.
  aliases: "anna@kontor.example (spamassassin_reject_threshold=30): anna@kontor.example\n",
};

/** Shapes with one author, whom everybody reads the same. */
const signedShapes = new Set(["a text", "1000 parts", "dots everywhere", "no such boundary", "25 MB"]);
const nothing = /^(?!)/;

/** One of them. @param isUser whether clients have logged in */
export function ownLink(random: () => number, isUser: boolean): Link {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const all: readonly Link[] = [
    {
      check: "authentication",
      section: `timeout = "300ms"\nrefuse = "${pick(["none", "dmarc", "dkim"])}"\non_error = "${pick(["pass", "pass", "defer"])}"\nheader = ${pick([true, true, false])}`,
      owns: /^authentication-results$/i,
    },
    {
      check: "dkimsign",
      section: '[[checks.dkimsign.key]]\ndomain = "far.example"\nselector = "s"\nkey_file = "dkim.pem"',
      owns: /^dkim-signature$/i,
      complaint: (plan, arrived) => (isUser ? unsigned(plan, arrived) : undefined),
    },
    { check: "split", section: "", owns: nothing },
    {
      check: "hashcash",
      section: `bits = 1\nmax_time = "60s"\nverify = ${pick([true, false])}`,
      owns: /^x-hashcash(?:-valid)?$/i,
      complaint: ({ recipients: { length } }, arrived) =>
        isUser && length === 1 && !/^X-Hashcash: 1:1:/m.test(arrived) ? "has no stamp" : undefined,
    },
  ];
  return pick(all);
}

async function unsigned({ shape }: Plan, arrived: string): Promise<Complaint> {
  const resolver = async (): Promise<string[][]> => [[record]];
  const { results } = await dkimVerify(Buffer.from(arrived, "latin1"), { resolver, strict: true });
  const found = results.map(({ status }) => status.result).join();
  return found === "pass" || (found === "none" && !signedShapes.has(shape)) ? undefined : `dkim=${found}`;
}
