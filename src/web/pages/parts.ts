/** Parts that several pages have. */
import { html } from "../html/markup.ts";
import type { Markup, Part } from "../html/markup.ts";

/** A column of a table; `number` is set to the right. */
export type Column = string | { readonly number: string };

/** A table that scrolls by itself where it is too wide. */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly Part[])[]): Markup {
  const heads = columns.map((column) =>
    typeof column === "string"
      ? html`<th scope="col">${column}</th>`
      : html`<th scope="col" class="number">${column.number}</th>`,
  );
  const cell = (part: Part, i: number): Markup => {
    const column = columns[i];
    if (i === 0) {
      return html`<th scope="row">${part}</th>`;
    }
    return typeof column === "object" ? html`<td class="number">${part}</td>` : html`<td>${part}</td>`;
  };
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${heads}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map(cell)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** A figure with its name, and a word beside it. */
export function card(name: string, figure: Part, aside: Part = ""): Markup {
  return html`<div class="card">
    <dt>${name}</dt>
    <dd class="figure">${figure}</dd>
    <dd class="aside">${aside}</dd>
  </div>`;
}

/** A word that says how something is; the colour only repeats it. */
export function state(level: "good" | "warning" | "fault" | "plain", word: string): Markup {
  return html`<span class="state ${level}">${word}</span>`;
}

/** A sentence in a box. */
export function note(text: Part, level: "good" | "warning" | "fault" | "plain" = "plain"): Markup {
  return html`<div class="note ${level}">${text}</div>`;
}

/** Names with their values. */
export function facts(pairs: readonly (readonly [name: string, value: Part])[]): Markup {
  return html`<dl class="facts">
    ${pairs.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`;
}
