/** What a key is named by: a domain and a selector. RFC 6376 3.1, 3.5. */
import type { TextRule } from "../config/fields.ts";
import { normalDomain } from "../mail/address.ts";

const selector = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

export const domainRule: TextRule = {
  allowed: "a domain",
  fits: (text) => !text.startsWith("[") && normalDomain(text) !== undefined,
};
export const selectorRule: TextRule = {
  allowed: 'a selector such as "mail2026", of letters, digits, hyphens and dots',
  fits: (text) => text.length <= 200 && selector.test(text),
};
