/**
 * split: recipients whose content checks differ get messages of their own, since one reply to the final dot counts for
 * all. After qpsmtpd's cf_wrapper. Sets of (sender, recipient) pairs are learned from messages that some recipients
 * would have refused.
 */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { CheckSession, Recipient } from "../../hooks/check-session.ts";
import { noteOf } from "../../hooks/notes.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import type { Answer } from "../../hooks/verdict.ts";
import { addressHash } from "../../mail/address-hash.ts";
import { reply } from "../../mail/reply.ts";
import { after } from "../../state/store.ts";
import type { Later } from "../../state/store.ts";
import type { Table } from "../../state/table.ts";

/** Pairs that are remembered, some 20 MB in memory; the one that was used longest ago is forgotten first. */
const mostPairs = 200_000;

/** The set of a pair of which nothing was learned. */
const unlearned = 0;

const none: readonly Recipient[] = [];

const apart = refuse("apart", reply(450, "4.5.3", "Send this recipient in a message of its own"));
const again = refuse("mixed", reply(451, "4.5.3", "Recipients differ, send the message again in parts"));
const denied = refuse("all", reply(554, "5.7.1", "Message denied"));
type Reason = "apart" | "mixed" | "all";

export const split: CheckDefinition = defineCheck({
  name: "split",
  doc: "Lets content checks decide for each recipient. If a message is spam for some recipients and not for others, the sender is asked to send it again (451), and from then on the two groups are accepted in separate messages only (450 at RCPT). Today spamassassin decides for each recipient, by the option spamassassin_reject_threshold in the alias file; checks that judge a message as a whole still refuse it for all. Put it in [checks] run together with aliases and spamassassin. What it has learned is kept in [state].",
  original:
    "qpsmtpd plugin cf_wrapper, which kept its sets in SQL. Its replies and the time after which a pair is forgotten are goodmailto's own choice.",
  failure:
    "While the state is unavailable, recipients are not separated: a message is refused only if all recipients refuse it, and is otherwise delivered to all.",
  stage: "last",
  hooks: ["rcpt", "data", "message"],
  remembers: true,
  settings: {
    forget: field.duration("90d", "How long a pair of sender and recipient stays in its set after it was last used.", [
      "1m",
      "400d",
    ]),
  },
  reasons: {
    apart: "recipient of another set",
    mixed: "refused for some recipients",
    all: "refused for all recipients",
  },
  create({ forget }, { state, now }) {
    const sets = new Sets(state.table<number>("split", { ttl: forget, most: mostPairs }), now);
    return {
      rcpt(session): Answer<Reason> {
        const { rcpt, transaction } = session;
        const [one] = transaction?.accepted ?? none;
        // Most messages have one recipient.
        return rcpt === undefined || one === undefined
          ? pass
          : after(sets.areSame(session, one, rcpt), (same) => (same ? pass : apart));
      },
      data(session) {
        session.apply({ kind: "each" });
        return pass;
      },
      async message(session) {
        const { accepted = [], results } = session.transaction ?? {};
        const refused = accepted.filter((recipient) => results?.isRefused(recipient.mailbox) === true);
        if (refused.length === 0) {
          return pass;
        }
        if (refused.length === accepted.length) {
          return denied;
        }
        const others = accepted.filter((recipient) => !refused.includes(recipient));
        const isSeparate = await sets.separate(session, refused.length <= others.length ? refused : others);
        return isSeparate ? again : pass;
      },
    };
  },
});

type Sending = Pick<CheckSession, "transaction">;

/** The sets of pairs, in the state. Without it, everybody is in the same one. */
class Sets {
  readonly #table: Table<number>;
  readonly #now: () => number;
  /** The set of the first recipient, which the others are compared with. */
  readonly #first = noteOf<number>("transaction");
  readonly #learned = noteOf<boolean>("transaction");

  constructor(table: Table<number>, now: () => number) {
    this.#table = table;
    this.#now = now;
  }

  /** Whether a recipient may join the first one. */
  areSame(session: Sending, one: Recipient, other: Recipient): Later<boolean> {
    return after(
      this.#isLearned(session),
      (learned) =>
        !learned || after(this.#ofFirst(session, one), (set) => after(this.#of(session, other), (own) => own === set)),
    );
  }

  /** Those whom fewer share an answer with go into a set of their own. False: it could not be remembered. */
  async separate(session: Sending, minority: readonly Recipient[]): Promise<boolean> {
    const set = this.#now();
    const pairs = minority.map(async (recipient) => this.#table.put(keyOf(session, recipient), set));
    const puts = await Promise.all(pairs);
    // After its pairs: it must not be forgotten before them.
    const sender = await this.#table.put(addressHash(session.transaction?.sender), set);
    return [...puts, sender].every(({ kind }) => kind === "done");
  }

  /** Of a sender of whom nothing was learned, no pair is asked for: that is nearly everybody. */
  #isLearned(session: Sending): Later<boolean> {
    return (
      this.#learned.get(session) ??
      after(this.#table.get(addressHash(session.transaction?.sender)), ({ kind }) => {
        this.#learned.set(session, kind === "found");
        return kind === "found";
      })
    );
  }

  #ofFirst(session: Sending, one: Recipient): Later<number> {
    return (
      this.#first.get(session) ??
      after(this.#of(session, one), (set) => {
        this.#first.set(session, set);
        return set;
      })
    );
  }

  #of(session: Sending, recipient: Recipient): Later<number> {
    return after(this.#table.get(keyOf(session, recipient)), (got) => (got.kind === "found" ? got.row : unlearned));
  }
}

function keyOf({ transaction }: Sending, { mailbox }: Recipient): string {
  return `${addressHash(transaction?.sender)} ${addressHash(mailbox)}`;
}
