/** What sync wrote is what the relay finds, whatever the spelling. */
import { join } from "node:path";

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { foldAscii, namesRoute, normalKey } from "../../src/mail/address.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { listSource, mailbox, memoryLog, publish, temporaryFolder } from "./fixture.ts";

/** A domain as the directory may write it, and another spelling of it. */
const spellings = [
  ["kontor.example", "KONTOR.Example."],
  ["münchen.example", "xn--mnchen-3ya.example"],
  ["xn--mnchen-3ya.example", "MÜNCHEN.example"],
  ["kontor.example", "kontor.test"],
] as const;
const domains = createDomains(["kontor.example", "xn--mnchen-3ya.example"], { "kontor.test": "kontor.example" });

const dotString = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,20}$/);
const quotable = fc.stringMatching(/^[\x20-\x7e]{1,20}$/);
const user = fc.oneof(dotString, quotable);

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** A user part as a directory writes it: quoted if it must be. */
function write(text: string): string {
  return /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+$/.test(text) ? text : quote(text);
}

function swapCase(text: string): string {
  return text.replace(/[A-Za-z]/g, (letter) =>
    letter === foldAscii(letter) ? letter.toUpperCase() : foldAscii(letter),
  );
}

describe("the snapshot", () => {
  it("finds every published address in every spelling, and no other", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const person = fc.record({ user, spelling: fc.constantFrom(...spellings), bare: fc.boolean() });
    const property = fc.asyncProperty(
      fc.array(person, { minLength: 1, maxLength: 150 }),
      fc.array(user),
      async (people, others) => {
        const listed = people.filter((one) => !one.bare || !one.user.includes("@"));
        fc.pre(listed.length > 0);
        const texts = listed.map((one) => (one.bare ? write(one.user) : `${write(one.user)}@${one.spelling[0]}`));
        await publish(path, [listSource("list", texts)], { acceptShrink: true });
        const reader = openSnapshot(path, memoryLog());
        try {
          const { find } = createRecipients(reader, domains, { match: "address", always: [], recipient_delimiter: "" });
          for (const { user, spelling } of listed) {
            for (const name of [write(user), quote(user), write(swapCase(user)), quote(swapCase(user))]) {
              for (const domain of spelling) {
                expect(find(mailbox(`${name}@${domain}`)).kind, `${name}@${domain}`).toBe("known");
              }
            }
          }
          const keys = new Set(
            texts.map((text) => normalKey(mailbox(text).user, domains.canonical(mailbox(text).domain) ?? "")),
          );
          for (const other of others) {
            const known =
              keys.has(normalKey(other, "kontor.example")) || (!other.includes("@") && keys.has(normalKey(other, "")));
            const { kind } = find(mailbox(`${write(other)}@kontor.example`));
            expect([other, kind]).toEqual([other, known ? "known" : "unknown"]);
          }
        } finally {
          reader.close();
        }
      },
    );
    await fc.assert(property, { numRuns: 25 });
  });

  it("does not take a user part that names a route for the user before the extension", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await publish(path, [listSource("list", ["bob", "bob@kontor.example"])]);
    const reader = openSnapshot(path, memoryLog());
    const { find } = createRecipients(reader, domains, { match: "address", always: ["bob"], recipient_delimiter: "+" });
    const property = fc.property(user, (extension) => {
      const text = `bob+${extension}`;
      expect(find(mailbox(`${write(text)}@kontor.example`)).kind).toBe(namesRoute(text) ? "unknown" : "known");
    });
    fc.assert(property, { numRuns: 500 });
    reader.close();
  });
});
