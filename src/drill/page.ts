/** The report of a drill as one HTML file: no scripts, nothing from elsewhere, everything escaped. */
import { version } from "../ops/version.ts";
import { fixed, html, nothing, textOf } from "../web/html/markup.ts";
import type { Markup } from "../web/html/markup.ts";
import { style } from "../web/html/style.ts";
import { standingOf } from "./outcome.ts";
import type { Outcome, Standing } from "./outcome.ts";
import { factsOf, namesOf, summaryOf, verdictOf } from "./report.ts";

/** Nothing is loaded or run, wherever the file is opened. */
const policy = "default-src 'none'; style-src 'unsafe-inline'";

const own = `
.drill dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.2rem 1rem; }
.drill dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { .drill dl { grid-template-columns: minmax(0, 1fr); } }
`;

const states: Readonly<Record<Standing, "good" | "warning" | "fault">> = {
  held: "good",
  unprotected: "warning",
  broken: "fault",
};

const words: Readonly<Record<Standing, string>> = {
  held: "Held",
  unprotected: "Not protected",
  broken: "Not held",
};

/** The file. */
export function pageOf(outcomes: readonly Outcome[], notes: readonly string[]): string {
  const standing = (["broken", "unprotected"] as const).find((each) => namesOf(outcomes, each).length > 0) ?? "held";
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Drill of goodmailto</title>
        <style>
          ${fixed(style + own)}
        </style>
      </head>
      <body>
        <main class="drill">
          <h1>Drill</h1>
          <p>
            <span class="state ${states[standing]}">${words[standing]}</span>
            <strong>${summaryOf(outcomes)}</strong>
          </p>
          ${outcomes.map(caseOf)}
          <section>
            <h2>The sandbox differs from the site</h2>
            <ul>
              ${notes.map((note) => html`<li>${note}</li>`)}
            </ul>
          </section>
          <p class="soft">goodmailto ${version}, ${new Date().toISOString()}</p>
        </main>
      </body>
    </html>`;
  return `${textOf(page)}\n`;
}

function caseOf(outcome: Outcome): Markup {
  const state = outcome.skipped === undefined ? states[standingOf(outcome)] : "warning";
  const facts = factsOf(outcome);
  return html`<section>
    <h2>${outcome.title}</h2>
    <p><span class="state ${state}">${verdictOf(outcome)}</span> <span class="soft">${outcome.name}</span></p>
    ${
      facts.length === 0
        ? nothing
        : html`<dl>
            ${facts.map(
              ({ label, text }) =>
                html`<dt class="soft">${label}</dt>
                  <dd>${text}</dd>`,
            )}
          </dl>`
    }
  </section>`;
}
