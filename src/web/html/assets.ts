/** Files that pages refer to. Their address has a hash of their contents, so a browser may keep them for ever. */
import { hash } from "node:crypto";

import { script } from "./script.ts";
import { style } from "./style.ts";

/** One file. */
export interface Asset {
  readonly path: string;
  readonly type: string;
  readonly text: string;
}

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1f5f8b"/><path d="M3 5h10v7H3z" fill="none" stroke="#fff" stroke-width="1.3"/><path d="m3 5 5 4 5-4" fill="none" stroke="#fff" stroke-width="1.3"/></svg>`;

function asset(name: string, ending: string, type: string, text: string): Asset {
  return { path: `/${name}-${hash("sha256", text, "hex").slice(0, 16)}.${ending}`, type, text };
}

/** All of them. */
export const assets: { readonly style: Asset; readonly script: Asset; readonly icon: Asset } = {
  style: asset("style", "css", "text/css; charset=utf-8", style),
  script: asset("live", "js", "text/javascript; charset=utf-8", script),
  icon: asset("icon", "svg", "image/svg+xml", icon),
};
