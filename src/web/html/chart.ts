/** A chart as SVG, made here: lines over time, and the same figures in a table for those who cannot see it. */
import { html, nothing } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { number } from "./words.ts";

/** One line. */
export interface Line {
  readonly name: string;
  /** How it is drawn: 1 stands out, as what went wrong should. */
  readonly look: 1 | 2 | 3;
  /** Undefined: not known. */
  readonly values: readonly (number | undefined)[];
}

/** A chart of up to three lines. */
export interface Chart {
  readonly title: string;
  /** What one value is: "per 10 minutes". */
  readonly unit: string;
  /** When each value's stretch begins, ms since 1970. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
}

const width = 600;
const height = 120;
const noon = (at: number): string => new Date(at).toISOString().slice(11, 16);

/** The next of 1, 2, 5, 10, 20, 50 … that is not below. */
export function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((top) => top >= value) ?? 10 * power;
}

/** The chart. */
export function chart({ title, unit, times, lines }: Chart): Markup {
  const known = lines.flatMap(({ values }) => values.filter((value) => value !== undefined));
  const top = niceTop(Math.max(...known, 1));
  const grid = [0, 0.5, 1].map(
    (share) => html`<line class="grid" x1="0" x2="${width}" y1="${share * height}" y2="${share * height}" />`,
  );
  const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => times[Math.round(share * (times.length - 1))] ?? 0);
  const steps = top >= 2 ? [top, top / 2, 0] : [top, "", 0];
  return html`<figure class="chart">
    <figcaption>
      <strong>${title}</strong> <span class="soft small">${unit}</span>
      <span class="keys"
        >${lines.map(
          ({ name, look }) =>
            html`<span class="key"
              ><svg viewBox="0 0 26 10" aria-hidden="true">
                <line class="series s${look}" x1="0" x2="26" y1="5" y2="5" /></svg
              >${name}</span
            > `,
        )}</span
      >
    </figcaption>
    <div class="plot" aria-hidden="true">
      <div class="scale">
        ${steps.map((step) => html`<span>${typeof step === "number" ? number(step) : step}</span>`)}
      </div>
      <svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" focusable="false">
        ${grid}${lines.map(({ values, look }) => draw(values, top, look))}
      </svg>
      <div class="times">${marks.map((at) => html`<span>${noon(at)}</span>`)}</div>
    </div>
    <details>
      <summary>Figures</summary>
      ${table({ title, unit, times, lines })}
    </details>
  </figure>`;
}

function draw(values: readonly (number | undefined)[], top: number, series: number): Markup {
  const step = width / Math.max(1, values.length - 1);
  const point = (value: number, i: number): string =>
    `${(i * step).toFixed(1)},${(height - (value / top) * height).toFixed(1)}`;
  return html`${runs(values).map(({ start, run }) => {
    const points = run.map((value, i) => point(value, start + i));
    const ends = [point(0, start + run.length - 1), point(0, start)];
    const dot = run.length === 1 ? html`<path class="series dot s${series}" d="M${points[0] ?? ""}h.1" />` : nothing;
    const area =
      series < 3 ? html`<polygon class="area s${series}" points="${[...points, ...ends].join(" ")}" />` : nothing;
    return html`${area}<polyline class="series s${series}" points="${points.join(" ")}" />${dot}`;
  })}`;
}

/** Values without a gap. */
function runs(values: readonly (number | undefined)[]): { readonly start: number; readonly run: number[] }[] {
  const found: { start: number; run: number[] }[] = [];
  values.forEach((value, i) => {
    if (value === undefined) {
      return;
    }
    const last = found.at(-1);
    if (last !== undefined && last.start + last.run.length === i) {
      last.run.push(value);
    } else {
      found.push({ start: i, run: [value] });
    }
  });
  return found;
}

/** Lines of the table at most: stretches that are known, the newest first. */
const mostRows = 24;

function table({ title, times, lines, unit }: Chart): Markup {
  const rows = times
    .map((at, i) => ({ at, values: lines.map(({ values }) => values[i]) }))
    .filter(({ values }) => values.some((value) => value !== undefined))
    .toReversed()
    .slice(0, mostRows);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Figures: ${title}">
      <table>
        <thead>
          <tr>
            <th scope="col">From</th>
            ${lines.map(({ name }) => html`<th scope="col" class="number">${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ({ at, values }) =>
              html`<tr>
                <th scope="row">${noon(at)}</th>
                ${values.map((value) => html`<td class="number">${value === undefined ? "–" : number(value)}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <p class="soft small">${unit}, the newest first</p>`;
}
