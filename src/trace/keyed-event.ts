/** An event without addresses in clear: `[trace] addresses = "keyed"`. What the list's key hashes stays comparable. */
import type { MailEvent } from "../report/event.ts";
import { createKeyedForm } from "../snapshot/keyed.ts";
import { normalAddress } from "./search-keys.ts";

/** What the journal has in place of an address; the null sender stays. */
export function addressKey(secret: string): (address: string) => string {
  const { hash } = createKeyedForm(secret, "address");
  return (address) => (address === "" ? "" : hash(normalAddress(address)));
}

/** Anything in a text that looks like one. */
const addresses = /[^\s<>"'(),;:]+@[^\s<>"'(),;]+/g;

/** The event with the addresses of its envelope hashed, and those in texts left out. */
export function withoutAddresses(event: MailEvent, keyed: (address: string) => string): MailEvent {
  const clean = (text: string | undefined): string | undefined => text?.replace(addresses, "ADDRESS");
  return {
    ...event,
    user: event.user === undefined ? undefined : keyed(event.user),
    sender: event.sender === undefined ? undefined : keyed(event.sender),
    recipients: event.recipients.map(keyed),
    asked: event.asked === undefined ? undefined : "",
    reply: hidden(clean(event.reply), event),
    said: hidden(clean(event.said), event),
  };
}

/** A reply may name a user part alone. */
function hidden(text: string | undefined, { recipients, sender = "" }: MailEvent): string | undefined {
  return [sender, ...recipients].reduce<string | undefined>((so, address) => {
    const user = address.slice(0, Math.max(0, address.lastIndexOf("@")));
    return user.length < 3 ? so : so?.replaceAll(user, "USER");
  }, text);
}
