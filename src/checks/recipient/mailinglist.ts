/**
 * mailinglist: makes a mailing list of an alias; after qpsmtpd's mailinglist_simple, of which only the description is
 * left. RFC 2369, RFC 2919, RFC 3834.
 */
import * as field from "../../config/fields.ts";
import { findRecipient, keysOf } from "../../files/entries.ts";
import { openText } from "../../files/text-file.ts";
import type { Watched } from "../../files/watched.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { HeaderEdits, MessageSession, WholeEdits } from "../../hooks/message.ts";
import type { Lists } from "../../hooks/services.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { foldAscii, normalKey } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { reply } from "../../mail/reply.ts";
import { bodyWithText, footerPlace, wrapWithText } from "../../message/footer.ts";
import type { HeaderFields } from "../../message/header.ts";
import type { Log } from "../../report/log.ts";
import { readMailingLists } from "./mailing-lists.ts";
import type { MailingList } from "./mailing-lists.ts";
import { createOneList } from "./one-list.ts";

const replies = {
  stranger: refuse("stranger", reply(550, "5.7.2", "Only members may write to this list")),
  bounce: refuse("bounce", reply(550, "5.7.2", "Mailing lists do not accept null senders")),
  memberless: refuse("memberless", reply(451, "4.3.5", "Mailing list is not configured")),
  automatic: refuse("automatic", reply(550, "5.7.2", "Mailing lists do not accept automatic messages")),
  loop: refuse("loop", reply(554, "5.4.6", "Mail loops through this list")),
};

/** Sent by a program, or by another list. RFC 3834 5. */
function isAutomatic(fields: HeaderFields): boolean {
  const precedence = fields.values("Precedence").some((value) => /^(?:bulk|junk|list)$/i.test(value));
  return precedence || fields.values("Auto-Submitted").some((value) => !/^no\b/i.test(value));
}

/** The address of a list, in A-labels. */
function addressOf({ mailbox: { raw, domain } }: MailingList): string {
  return `${raw.slice(0, raw.lastIndexOf("@"))}@${domain}`;
}

/** The fields of a list, in place of those that the message has. */
function fieldsOf(list: MailingList): readonly (readonly [name: string, value: string])[] {
  const { user, domain } = list.mailbox;
  const id = user.replaceAll(/[^A-Za-z0-9.-]/g, "-");
  return [
    ["Reply-To", `<${addressOf(list)}>`],
    ["Precedence", "bulk"],
    ["List-Id", `<${id}.${domain}>`],
    ["List-Post", `<mailto:${encodeURIComponent(user)}@${domain}>`],
  ];
}

async function sign(
  message: WholeEdits & { parts(): Promise<Parameters<typeof footerPlace>[0]> },
  text: string,
): Promise<void> {
  const place = footerPlace(await message.parts(), text);
  if (place === undefined) {
    return;
  }
  if (place.kind === "behind") {
    await message.replaceBody(bodyWithText(message.content(), place, text));
    return;
  }
  const { moved, fields, body } = await wrapWithText(message.content(), text);
  for (const name of [...moved, ...fields.map(([one]) => one)]) {
    message.deleteHeader(name, 0);
  }
  for (const [name, value] of fields) {
    message.changeHeader(name, 1, value);
  }
  await message.replaceBody(body);
}

export const mailinglist: CheckDefinition = defineCheck({
  name: "mailinglist",
  doc: "Turns aliases into mailing lists: the message is sent to the addresses of the alias, with the fields Reply-To, Precedence: bulk, X-Mailing-List, List-Id and List-Post, and with the list's signature at the end. Put it after aliases in [checks] run, because the members of a list are the addresses of its alias. A message to a list has no other recipients; those get 452 4.5.3, and the client sends to them in another transaction. Automatic messages and those of other lists are refused, and so is a message of the list itself that comes back.",
  original:
    "qpsmtpd's mailinglist_simple, whose source is lost: its description names the fields, PUBLIC and PROTECTED, and the signature. The file, the answers, List-Id and List-Post are goodmailto's own choices.",
  failure:
    "If the file is missing or empty, there are no mailing lists. A list without an alias is deferred with 451. A signature that cannot be read is left out.",
  stage: "recipient",
  hooks: ["rcpt", "header", "message"],
  needs: "whole",
  settings: {
    file: field.listFile(
      'The lists, one per line: ADDRESS PUBLIC or ADDRESS PROTECTED, optionally followed by the name of a file with a signature (UTF-8, at most 16 KiB, looked for like list files). PROTECTED: only members may write, by the address in MAIL FROM. The signature is appended to the first plain text of a message, or becomes a part of its own; signed and encrypted messages get none. It invalidates DKIM signatures of the message. Mail programs recognise it by its first line, "-- ", which the file must contain.',
      "mailinglist_simple",
    ),
  },
  reasons: {
    apart: "mailing list among other recipients",
    stranger: "not a member of the mailing list",
    bounce: "null sender to a mailing list",
    memberless: "mailing list without an alias",
    automatic: "automatic message to a mailing list",
    loop: "mailing list's own message",
  },
  create({ file }, { lists, domains, log, now }) {
    const all = lists.list(file, readMailingLists);
    const chosen = createOneList<MailingList>();
    const listOf = (session: Pick<CheckSession, "transaction">): MailingList | undefined => {
      const [first] = session.transaction?.accepted ?? [];
      return first === undefined ? undefined : chosen.get(session, first);
    };
    const keyOf = ({ user, domain }: Mailbox): string => normalKey(user, domains.canonical(domain) ?? domain);
    const signatureOf = createSignatures(lists, log, now);
    const isMember = (sender: Mailbox, members: readonly Mailbox[]): boolean => {
      const domain = domains.canonical(sender.domain) ?? sender.domain;
      const keys = new Set(keysOf({ ...sender, domain }));
      return members.some((member) => keys.has(keyOf(member)));
    };
    const judge = (session: CheckSession, list: MailingList) => {
      const sender = session.transaction?.sender;
      if (sender === undefined) {
        return replies.bounce;
      }
      const members = session.rcpt?.expansion?.filter(({ raw }) => raw !== session.recipient?.raw) ?? [];
      if (members.length === 0) {
        log.error("mailinglist", "list has no alias: aliases must be named before mailinglist, and have the list", {
          list: addressOf(list),
        });
        return replies.memberless;
      }
      return list.isProtected && !isMember(sender, members) ? replies.stranger : undefined;
    };
    return {
      rcpt(session) {
        const list =
          session.recipient === undefined ? undefined : findRecipient(all.current(), session.recipient, domains);
        const refusal = (list && judge(session, list)) ?? chosen.refuseMixed(session, list);
        if (refusal === undefined && list !== undefined) {
          chosen.choose(session, list);
        }
        return refusal ?? pass;
      },
      wants: (session) => listOf(session) !== undefined,
      header(session: MessageSession, message) {
        const list = listOf(session);
        if (list === undefined) {
          return pass;
        }
        return refuseField(message.fields, list) ?? label(message, list);
      },
      async message(session, message) {
        const list = listOf(session);
        const signature = list === undefined ? "" : signatureOf(list);
        if (signature !== "") {
          await sign(message, `${signature.replaceAll("\n", "\r\n")}\r\n`);
        }
        return pass;
      },
    };
  },
});

/** What the header section says against the message. */
function refuseField(fields: HeaderFields, list: MailingList) {
  const own = foldAscii(addressOf(list));
  if (fields.values("X-Mailing-List").some((value) => foldAscii(value) === own)) {
    return replies.loop;
  }
  return isAutomatic(fields) ? replies.automatic : undefined;
}

function label(message: HeaderEdits, list: MailingList): typeof pass {
  for (const [name, value] of fieldsOf(list)) {
    message.deleteHeader(name, 0);
    message.changeHeader(name, 1, value);
  }
  message.insertHeader(0, `X-Mailing-List: ${addressOf(list)}`);
  return pass;
}

/** The signature of a list; "" if it has none, or none that can be read. */
function createSignatures(lists: Lists, log: Log, now: () => number): (list: MailingList) => string {
  const open = new Map<string, Watched<string | undefined>>();
  return ({ signature }) => {
    if (signature === "") {
      return "";
    }
    const path = lists.path(signature);
    const text =
      open.get(path) ??
      openText(path, now, (fault) => log.warning("mailinglist", "signature cannot be read", { path, fault }));
    open.set(path, text);
    return (text.current() ?? "").trimEnd();
  };
}
