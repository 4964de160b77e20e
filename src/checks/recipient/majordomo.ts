/** majordomo: who may write to a mailing list, by the files of Majordomo or mlmmj; after qpsmtpd's plugin of that name. */
import * as field from "../../config/fields.ts";
import { findRecipient } from "../../files/entries.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import type { Verdict } from "../../hooks/verdict.ts";
import { normalKey, parseMailbox } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { withoutTag } from "../../mail/return-path.ts";
import { reply } from "../../mail/reply.ts";
import { addressesOf } from "../../message/addresses.ts";
import { MajordomoLists } from "./majordomo-lists.ts";
import { MlmmjLists } from "./mlmmj-lists.ts";
import { createOneList } from "./one-list.ts";

const text = "Not allowed to post to this list";
const replies = {
  recipient: refuse("stranger", reply(550, "5.7.2", text)),
  message: refuse("stranger", reply(554, "5.7.2", text)),
  unavailable: refuse("unavailable", reply(451, "4.3.5", "Mailing list is not configured")),
};
const listName = /^[A-Za-z0-9][\w.+-]*$/;

/** Every address of every From field; undefined where one of them cannot be read. */
function authorsOf(values: readonly string[]): readonly Mailbox[] | undefined {
  const fields = values.map((value) => addressesOf(value));
  return fields.includes(undefined) ? undefined : fields.flatMap((mailboxes) => mailboxes ?? []);
}

/** A sender without the tag of a signature. */
function ownerOf(mailbox: Mailbox): Mailbox {
  return { ...mailbox, user: withoutTag(mailbox.user) ?? mailbox.user };
}

export const majordomo: CheckDefinition = defineCheck({
  name: "majordomo",
  doc: "Restricts who may write to mailing lists: if Majordomo's configuration of a list has `restrict_post`, only the addresses in the files that it names may write. In format mlmmj, the folders of mlmmj say the same: control/subonlypost (subscribers only) and control/modonlypost (moderators only), unless control/modnonsubposts leaves strangers to the moderators. By default the addresses in From are compared, as in Majordomo itself; all of them must be members. Anyone can forge them, so this stops accidents and spam, not forgers. A message to a list has no other recipients; those get 452 4.5.3, and the client sends to them in another transaction. Other checks decide whether the recipient exists.",
  original:
    "qpsmtpd plugin majordomo (as a client of cf_wrapper, which found the verdicts of single recipients); mlmmj, by its TUNABLES, and splitting mixed recipients by 452 are goodmailto's own choices.",
  failure:
    "A list whose configuration (mlmmj: folder `control`), or whose file of members, is missing or empty is deferred with 451. If a file can no longer be read, its previous contents stay in use.",
  stage: "policy",
  hooks: ["rcpt", "header"],
  settings: {
    lists: field.text(
      "/etc/majordomo/lists",
      "Folder of the lists, with NAME.config and the files of members, whose names are relative to it. For mlmmj, the folder with the folders of its lists, such as /var/spool/mlmmj.",
    ),
    format: field.choice(["majordomo", "mlmmj"], "majordomo", "Whose files they are."),
    aliases: field.table(
      {},
      'Addresses of the lists: `"team@example.com" = "team"` for team.config, or for mlmmj\'s folder team.',
    ),
    sender: field.choice(
      ["from-header", "envelope"],
      "from-header",
      "Which address must be that of a member. from-header: those in From, compared after the message. envelope: that in MAIL FROM, compared at RCPT.",
    ),
  },
  faults({ aliases }) {
    const entries = Object.entries(aliases);
    const wrong = entries.find(
      ([address, name]) => (parseMailbox(address)?.domain ?? "") === "" || !listName.test(name),
    );
    return wrong === undefined
      ? []
      : [
          {
            key: "aliases",
            message: `needs complete addresses and names of lists: "${wrong[0]}" = "${wrong[1]}" is none`,
          },
        ];
  },
  reasons: {
    apart: "mailing list among other recipients",
    stranger: "not a member of the mailing list",
    unavailable: "mailing list without configuration or members",
  },
  create({ lists: folder, format, aliases, sender: whose }, { lists, domains, log, now }) {
    const all =
      format === "mlmmj" ? new MlmmjLists(folder, lists, domains, now) : new MajordomoLists(folder, lists, domains);
    const names = new Map<string, string>();
    for (const [address, name] of Object.entries(aliases)) {
      const mailbox = parseMailbox(address);
      if (mailbox !== undefined) {
        names.set(normalKey(mailbox.user, mailbox.domain), name);
      }
    }
    const chosen = createOneList<string>();
    const judge = (id: string, name: string, authors: readonly Mailbox[], stranger: Verdict<"stranger", never>) => {
      const members = all.membersOf(name);
      switch (members.kind) {
        case "everybody":
          return undefined;
        case "unavailable":
          log.error("majordomo", "list cannot be read, or is empty", { session: id, list: name, path: members.path });
          return replies.unavailable;
        case "only":
          return authors.length > 0 && authors.every((author) => members.has(author)) ? undefined : stranger;
      }
    };
    return {
      rcpt(session: CheckSession) {
        const { recipient, transaction } = session;
        const name = recipient === undefined ? undefined : findRecipient(names, recipient, domains);
        if (whose === "envelope") {
          const sender = transaction?.sender;
          const authors = sender === undefined ? [] : [ownerOf(sender)];
          return (name === undefined ? undefined : judge(session.id, name, authors, replies.recipient)) ?? pass;
        }
        // Nobody is to be asked for what everybody may.
        const list = name !== undefined && all.membersOf(name).kind === "everybody" ? undefined : name;
        const refusal = chosen.refuseMixed(session, list);
        if (refusal === undefined && list !== undefined) {
          chosen.choose(session, list);
        }
        return refusal ?? pass;
      },
      header(session, { fields }) {
        const [first] = session.transaction?.accepted ?? [];
        const name = first === undefined ? undefined : chosen.get(session, first);
        return name === undefined
          ? pass
          : (judge(session.id, name, authorsOf(fields.values("From")) ?? [], replies.message) ?? pass);
      },
    };
  },
});
