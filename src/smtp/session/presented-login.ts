/** The greeting of a client for whom another one speaks, and with it the login that this one vouches for. */
import { admitLogin } from "./authenticate.ts";
import type { Conversation } from "./conversation.ts";
import { after } from "./outcome.ts";
import type { Answering } from "./outcome.ts";
import type { Presented } from "./presented.ts";

/** The greeting, or the refusal in its place. */
export function greetPresented(conversation: Conversation, presented: Presented): Answering {
  const { service } = conversation;
  const user = presented.login ?? "";
  return after(
    conversation.greet(() => false),
    async (greeting) => {
      const variables = service.presenters?.login;
      if (
        greeting.reply?.code !== 220 ||
        user === "" ||
        variables === undefined ||
        conversation.limited !== undefined
      ) {
        return greeting;
      }
      const answer = await admitLogin(conversation, { user, method: "XCLIENT" }, variables);
      return answer.reply?.code === 235 ? greeting : answer;
    },
  );
}
