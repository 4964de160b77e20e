/** The reply to the client for an answer of the route's hop. */
import type { Reply } from "../../mail/reply.ts";
import type { Route } from "../contract/routes.ts";
import { withOwnWords } from "./fitting.ts";

/** Its own words, or goodmailto's with its codes. */
export function told({ replies }: Route, answer: Reply): Reply {
  return replies === "own" ? withOwnWords(answer) : answer;
}
