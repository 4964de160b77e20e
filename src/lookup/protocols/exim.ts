/**
 * For Exim's `${readsocket{…}{$local_part@$domain\n}}`: an address a line, answered by one word a line. Exim closes its
 * side after the question and reads to the end.
 */
import { after } from "../../smtp/session/outcome.ts";
import { isReply, readEither } from "../address.ts";
import { stateless } from "../protocol.ts";
import type { Asker } from "../protocol.ts";
import type { LookupVerdict, VerdictKind } from "../verdict.ts";
import { takeLine } from "./lines.ts";

/** Longer than any address. */
const longest = 1000;

/** What an ACL looks at. */
type Word = "known" | "unknown" | "later" | "no-snapshot";

function wordOf(kind: VerdictKind): Word {
  switch (kind) {
    case "known":
    case "restricted":
      return "known";
    case "no-snapshot":
      return "no-snapshot";
    case "unknown":
    case "refused":
    case "foreign":
      return "unknown";
    case "later":
    case "blocked":
      return "later";
  }
}

function wordFor(address: string, asker: Asker): Word | Promise<Word> {
  const recipient = readEither(address, asker.service);
  if (isReply(recipient)) {
    asker.unread(address, recipient);
    return "unknown";
  }
  return after(asker.ask({ recipient }), ({ kind }) => wordOf(kind));
}

function refusal({ kind }: LookupVerdict): string | undefined {
  const word = wordOf(kind);
  return word === "unknown" || word === "later" ? word : undefined;
}

export const exim = stateless<string>(longest, refusal, {
  take: (input, hasEnded) => takeLine(input, longest, "later\n", hasEnded),
  answer: (line, asker) => after(wordFor(line, asker), (word) => `${word}\n`),
  later: "later\n",
});
