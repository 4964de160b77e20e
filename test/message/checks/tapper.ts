/** Refuses at the final dot what has a word in it; counts what it hears. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { defineCheck, field, pass, refuse, reply } from "goodmailto/check";

export const tapper = defineCheck({
  name: "tapper",
  doc: "For a test.",
  stage: "policy",
  hooks: ["message"],
  needs: "tap",
  settings: {
    word: field.text("", "Refused."),
    hang: field.flag(false, "Never answers."),
    pause: field.duration("0ms", "With each piece."),
  },
  reasons: { word: "word" },
  create: ({ word, hang, pause }, { log }) => ({
    tap: (_session, message) => {
      const parts = message.parts();
      const hash = createHash("sha256");
      let last = "";
      let seen = word === "";
      let [kept, most] = [0, 0];
      return {
        take: (chunk) => {
          hash.update(chunk);
          const text = last + chunk.toString("latin1");
          seen ||= text.includes(word);
          last = text.slice(-64);
          if (pause > 0) {
            // Keeps the piece meanwhile, as a scanner does that reads slowly.
            kept += chunk.length;
            most = Math.max(most, kept);
            return sleep(pause).then(() => void (kept -= chunk.length));
          }
          return chunk.length > 10_000 ? new Promise((resolve) => setImmediate(resolve)) : undefined;
        },
        end: async () => {
          if (hang) {
            return new Promise<never>(() => undefined);
          }
          const types = (await parts).parts.map(({ type }) => type).join(" ");
          log.info("tapper", "heard", { sha256: hash.digest("hex"), types, most });
          return word !== "" && seen ? refuse("word", reply(554, "5.7.1", "Word found")) : pass;
        },
        abandon: () => log.info("tapper", "abandoned"),
      };
    },
  }),
});
