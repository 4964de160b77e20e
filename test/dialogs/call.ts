/** `goodmailto VERB …` as a step of a dialogue. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

import { expect } from "vitest";

import { node, project } from "../end-to-end/scene.ts";
import { main } from "../program.ts";

/**
 * Runs it to its end, which must be 0.
 * @param words of the verb; behind ` < ` its standard input as a JSON string
 * @returns the lines that it printed
 */
export async function callGoodmailto(words: string, config: string, place: string): Promise<string[]> {
  const [verb = "", input = '""'] = words.split(" < ");
  const child = spawn(node, [main, ...verb.split(" "), "--config", config], { cwd: project, timeout: 20_000 });
  child.stdin.on("error", () => undefined).end(JSON.parse(input) as string);
  const [out, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  expect({ code: code as unknown, errors }, place).toEqual({ code: 0, errors: "" });
  return out.split("\n").filter((line) => line !== "");
}
