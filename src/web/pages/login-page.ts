/** The form that opens the page: an account and its password, or a token. */
import { html, nothing } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import { note } from "./parts.ts";

/** What the form has, and what became of the last try. */
export interface LoginForm {
  readonly passwords: boolean;
  readonly tokens: boolean;
  /** Where to go then. */
  readonly next: string;
  readonly fault?: string;
  readonly status?: number;
}

/** The page. */
export function loginPage({ passwords, tokens, next, fault, status = 200 }: LoginForm): Page {
  const onward = html`<input type="hidden" name="next" value="${next}" />`;
  const account = html`<form class="login" method="post" action="/login">
    ${onward}
    <label>Account <input name="user" autocomplete="username" required maxlength="1024" autofocus /></label>
    <label
      >Password <input name="password" type="password" autocomplete="current-password" required maxlength="1024"
    /></label>
    <div><button>Log in</button></div>
  </form>`;
  const token = html`<form class="login" method="post" action="/login">
    ${onward}
    <label>Token <input name="token" type="password" autocomplete="off" required maxlength="1024" /></label>
    <div><button>${passwords ? "Log in by token" : "Log in"}</button></div>
  </form>`;
  const body = html`${fault === undefined ? nothing : html`<div role="alert">${note(fault, "fault")}</div>`}
  ${passwords ? account : nothing}${tokens ? token : nothing}`;
  return { title: "Log in", body, status };
}
