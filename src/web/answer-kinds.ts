/** A request that is looked at, and what may be sent for it. */
import type { IncomingMessage } from "node:http";

import type { Log } from "../report/log.ts";
import type { Entrance } from "./entrance.ts";
import type { Page } from "./html/frame.ts";
import type { Knowledge } from "./knowledge.ts";
import type { Sessions } from "./sessions.ts";
import type { Visitor } from "./visitor.ts";

/** The parts at work. */
export interface Parts {
  readonly entrance: Entrance;
  readonly knowledge: Knowledge;
  readonly sessions: Sessions;
  readonly refresh: number;
  readonly log: Log;
}

/** What is sent. */
export type Answer =
  | { readonly kind: "page"; readonly page: Page; readonly headers?: Readonly<Record<string, string>> }
  | {
      readonly kind: "text";
      readonly status: number;
      readonly text: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: "asset"; readonly type: string; readonly text: string }
  | { readonly kind: "redirect"; readonly to: string; readonly headers?: Readonly<Record<string, string>> };

/** A request that is looked at. */
export interface Request {
  readonly message: IncomingMessage;
  readonly path: string;
  readonly words: URLSearchParams;
  readonly visitor: Visitor;
  readonly parts: Parts;
}

/** A short text. */
export function refusal(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { kind: "text", status, text, headers };
}
