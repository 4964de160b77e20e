/** What every page has around it: title, navigation, who looks, and what keeps it up to date. */
import { version } from "../../ops/version.ts";
import { html, nothing, textOf } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { assets } from "./assets.ts";

/** The pages in their order. */
export const places = [
  ["/", "Overview"],
  ["/alerts", "Alerts"],
  ["/list", "List"],
  ["/journal", "Journal"],
  ["/explain", "Explain"],
  ["/observe", "Observe"],
  ["/checks", "Checks"],
  ["/hops", "Next hops"],
  ["/lookups", "Look-ups"],
] as const;

/** One page. */
export interface Page {
  readonly title: string;
  readonly body: Markup;
  /** It shows what changes from moment to moment, and is made again. */
  readonly isLive?: true;
  /** The page of the navigation to which it belongs, if it is none of them itself. */
  readonly section?: string;
  /** HTTP status; 200 if not given. */
  readonly status?: number;
}

/** Where it is shown, and to whom. */
export interface Setting {
  readonly path: string;
  /** "" while nobody has logged in. */
  readonly user: string;
  /** Whether there is a session that can be ended. */
  readonly canLeave: boolean;
  /** Whether the reader is past the login. */
  readonly isInside: boolean;
  /** Our host name. */
  readonly relay: string;
  /** What wants attention, and the worst of it. */
  readonly alerts: { readonly faults: number; readonly warnings: number };
  /** Seconds between two looks of a live page; 0: it is not made again. */
  readonly refresh: number;
}

/** The whole document. */
export function frame({ title, body, isLive, section }: Page, setting: Setting): string {
  const { relay, path, refresh } = setting;
  const isRenewed = isLive === true && refresh > 0;
  const page = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>${title} – ${relay} – goodmailto</title>
      <link rel="stylesheet" href="${assets.style.path}" />
      <link rel="icon" href="${assets.icon.path}" type="image/svg+xml" />
      ${isRenewed ? html`<noscript><meta http-equiv="refresh" content="${refresh}" /></noscript>` : nothing}
      ${isRenewed ? html`<script src="${assets.script.path}" defer></script>` : nothing}
    </head>
    <body data-refresh="${isRenewed ? refresh : 0}">
      <a class="skip" href="#main">Skip to the content</a>
      <header>
        <div class="bar">
          <p class="brand"><a href="/">goodmailto</a> <span class="relay">${relay}</span></p>
          ${whoami(setting)}
        </div>
        ${setting.isInside ? navigation(section ?? path, setting) : nothing}
      </header>
      <main id="main" tabindex="-1">
        <h1>${title}</h1>
        ${body}
      </main>
      <footer>
        <p>
          goodmailto ${version} · read-only · times in
          UTC${isRenewed ? html` · <span id="renewal">renewed every ${refresh} seconds</span>, <a href="?refresh=off">stop</a>` : nothing}${isLive === true && refresh === 0 ? html` · not renewed, <a href="?">start</a>` : nothing}
        </p>
      </footer>
    </body>
  </html> `;
  return `<!doctype html>\n${textOf(page)}`;
}

function whoami({ user, canLeave }: Setting): Markup {
  if (user === "") {
    return nothing;
  }
  const leave = html`<form method="post" action="/logout"><button class="quiet">Log out</button></form>`;
  return html`<div class="who"><span>${user}</span>${canLeave ? leave : nothing}</div>`;
}

function navigation(path: string, { alerts }: Setting): Markup {
  const items = places.map(([to, name]) => {
    const isHere = to === path;
    const badge = to === "/alerts" ? badgeOf(alerts) : nothing;
    return isHere
      ? html`<li><a href="${to}" aria-current="page">${name}${badge}</a></li>`
      : html`<li><a href="${to}">${name}${badge}</a></li>`;
  });
  return html`<nav aria-label="Pages">
    <ul>
      ${items}
    </ul>
  </nav>`;
}

function badgeOf({ faults, warnings }: Setting["alerts"]): Markup {
  const all = faults + warnings;
  if (all === 0) {
    return nothing;
  }
  return html` <span class="badge ${faults > 0 ? "fault" : "warning"}"
    >${all}<span class="unseen"> ${faults > 0 ? "with faults" : "warnings"}</span></span
  >`;
}
