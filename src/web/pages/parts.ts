/** Parts that several pages have. */
import { html } from "../html/markup.ts";
import type { Markup, Part } from "../html/markup.ts";

/** A column of a table; `number` is set to the right. */
export type Column = string | { readonly number: string };

/**
 * A table that scrolls by itself where it is too wide. The roles say what a browser forgets where the style sheet shows
 * rows one below the other.
 * @param name a class of its own
 */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly Part[])[],
  name = "plain",
): Markup {
  const cell = (part: Part, i: number): Markup => {
    const column = columns[i];
    if (i === 0) {
      return html`<th scope="row" role="rowheader">${part}</th>`;
    }
    return typeof column === "object"
      ? html`<td role="cell" class="number">${part}</td>`
      : html`<td role="cell">${part}</td>`;
  };
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table class="${name}" role="table">
      <caption>
        ${caption}
      </caption>
      <thead role="rowgroup">
        <tr role="row">
          ${columns.map(head)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${rows.map(
          (row) =>
            html`<tr role="row">
              ${row.map(cell)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function head(column: Column): Markup {
  return typeof column === "string"
    ? html`<th scope="col" role="columnheader">${column}</th>`
    : html`<th scope="col" role="columnheader" class="number">${column.number}</th>`;
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

/** Where an answer needs the lists that are kept. */
export const stillReading = "The lists that are kept are still being read. Load this page again in a moment.";

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
