/** Lines of a file of mailing lists: `ADDRESS PUBLIC|PROTECTED [SIGNATURE-FILE]`. */
import { firstWord } from "../../files/entries.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import type { Mailbox } from "../../mail/address.ts";
import { normalKey, parseMailbox } from "../../mail/address.ts";

/** One mailing list. */
export interface MailingList {
  /** As the file has it: what members and their programs see. */
  readonly mailbox: Mailbox;
  /** Only members may write to it. */
  readonly isProtected: boolean;
  /** As a list file is named; "" for none. */
  readonly signature: string;
}

/** Reads the file; of two lines for one address the first counts. */
export function readMailingLists(entries: readonly ListEntry[], skip: Remark): ReadonlyMap<string, MailingList> {
  const lists = new Map<string, MailingList>();
  for (const entry of entries) {
    const [address, rest] = firstWord(entry.text);
    const [, kind = "", signature = ""] = /^(public|protected)(?:\s+(.+))?$/i.exec(rest) ?? [];
    const mailbox = parseMailbox(address);
    if (mailbox === undefined || mailbox.user === "" || mailbox.domain === "") {
      skip(entry, `"${address}" is not a complete address`);
    } else if (kind === "") {
      skip(
        entry,
        "is not a mailing list: a line is ADDRESS PUBLIC or ADDRESS PROTECTED, and perhaps a file with a signature",
      );
    } else {
      const key = normalKey(mailbox.user, mailbox.domain);
      if (!lists.has(key)) {
        lists.set(key, { mailbox, isProtected: /^protected$/i.test(kind), signature });
      }
    }
  }
  return lists;
}
