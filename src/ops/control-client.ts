/** Asks every relay process whose socket is in a folder. */
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { errorCode } from "../report/error-message.ts";

/** How long a relay may take to answer, ms. */
const patience = 3000;
/** Octets of an answer: 50,000 blocked networks have room. */
const longest = 16_777_216;

/** What came of asking. */
export interface Asked {
  /** One of each process, in the order of their names. */
  readonly answers: readonly Readonly<Record<string, unknown>>[];
  /** Processes that did not answer, with the reason. A socket that a dead process left behind is none. */
  readonly silent: readonly { readonly path: string; readonly why: string }[];
}

/** Nobody listens, or nobody did when it was looked. */
const deserted: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOENT"]);

/** Asks all of them at once. Never rejects. */
export async function askRelays(folder: string, question: Readonly<Record<string, unknown>>): Promise<Asked> {
  const answers: Readonly<Record<string, unknown>>[] = [];
  const silent: { path: string; why: string }[] = [];
  const asked = await Promise.all(
    socketsIn(folder).map(async (path) => {
      try {
        return { path, answer: parse(await exchange(path, `${JSON.stringify(question)}\n`)) };
      } catch (error) {
        const code = errorCode(error);
        return { path, code, why: code === "EACCES" ? "permission denied" : String(error) };
      }
    }),
  );
  for (const { path, answer, code, why } of asked) {
    if (answer !== undefined) {
      answers.push(answer);
    } else if (code === undefined || !deserted.has(code)) {
      silent.push({ path, why: why ?? "" });
    }
  }
  return { answers, silent };
}

function socketsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^relay-\d+\.sock$/.test(name))
      .toSorted((a, b) => Number(a.slice(6, -5)) - Number(b.slice(6, -5)))
      .map((name) => join(folder, name));
  } catch {
    // No relay runs here, or none that this user may know of.
    return [];
  }
}

function exchange(path: string, line: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ path });
  const late = setTimeout(() => socket.destroy(new Error(`no answer in ${patience} ms`)), patience);
  let text = "";
  socket
    .setEncoding("utf8")
    .on("data", (chunk: string) => {
      text += chunk;
      if (text.length > longest) {
        socket.destroy(new Error("the answer is too long"));
      }
    })
    .once("error", reject)
    .once("close", () => {
      clearTimeout(late);
      resolve(text);
    });
  // Not ended: a server of Node closes a half that it has not answered.
  socket.write(line);
  return promise;
}

function parse(text: string): Readonly<Record<string, unknown>> {
  const answer: unknown = JSON.parse(text);
  if (typeof answer !== "object" || answer === null) {
    throw new TypeError("the answer is no object");
  }
  const facts = { ...answer };
  if ("error" in facts) {
    throw new Error(String(facts.error));
  }
  return facts;
}
