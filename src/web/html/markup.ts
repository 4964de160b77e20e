/**
 * Markup of the status page: what is put into a template is escaped, unless it is markup itself. Text of strangers is
 * made visible first: a control character, or one that turns the direction of writing, becomes `?`.
 */
import { html as template, raw } from "hono/html";

import { visible } from "../../report/visible.ts";

declare const isMarkup: unique symbol;
/** HTML that is complete and escaped. */
export type Markup = { readonly [isMarkup]: true };
/** What may be put into a template. */
export type Part = Markup | string | number | false | undefined | readonly Part[];

/** A template: html`<p>${text}</p>`. An attribute needs its quotes. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  // Without promises among the parts the library gives no promise.
  return template(strings, ...parts.map(cleaned)) as unknown as Markup;
}

function cleaned(part: Part): unknown {
  if (typeof part === "string") {
    return visible(part);
  }
  return Array.isArray(part) ? part.map(cleaned) : part;
}

/** The text of a page. */
export function textOf(markup: Markup): string {
  // It is a String of the library.
  return `${markup as unknown as string}`;
}

/** Nothing. */
// Its type is made here and in the template only.
export const nothing: Markup = raw("") as unknown as Markup;

/** Our own text, as it is: the style sheet's word, never anything from outside. */
export function fixed(text: string): Markup {
  // As above.
  return raw(text) as unknown as Markup;
}
