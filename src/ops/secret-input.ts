/** Reads a secret: typed without echo, or the first line of standard input. */
import { StringDecoder } from "node:string_decoder";

/** The first line of standard input without its end; undefined if there is none, or one that is far too long. */
export async function readLine(maxOctets: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  const input: AsyncIterable<Buffer> = process.stdin;
  for await (const chunk of input) {
    chunks.push(chunk);
    size += chunk.length;
    if (chunk.includes(0x0a) || size > maxOctets + 2) {
      break;
    }
  }
  const text = Buffer.concat(chunks).toString("utf8");
  const end = text.indexOf("\n");
  if (size === 0 || (end < 0 && size > maxOctets + 2)) {
    return undefined;
  }
  return (end < 0 ? text : text.slice(0, end)).replace(/\r$/, "");
}

/** A line from the terminal for each prompt, none of it shown; undefined if Ctrl-C or Ctrl-D ends it. */
export async function readSecrets(prompts: readonly string[]): Promise<readonly string[] | undefined> {
  const { stdin } = process;
  const keys = createKeys();
  // Before the prompt: what is typed at once must not be shown either.
  stdin.setRawMode(true);
  stdin.on("data", keys.push).on("end", keys.end).resume();
  try {
    const secrets: string[] = [];
    for (const prompt of prompts) {
      process.stderr.write(prompt);
      const secret = await readTyped(keys.next);
      process.stderr.write("\n");
      if (secret === undefined) {
        return undefined;
      }
      secrets.push(secret);
    }
    return secrets;
  } finally {
    stdin.off("data", keys.push).off("end", keys.end).pause();
    stdin.setRawMode(false);
  }
}

async function readTyped(next: () => Promise<string | undefined>): Promise<string | undefined> {
  const text: string[] = [];
  for (;;) {
    const key = await next();
    if (key === "\r" || key === "\n") {
      return text.join("");
    }
    if (key === undefined || key === "\x03" || key === "\x04") {
      return undefined;
    }
    if (key === "\x7f" || key === "\b") {
      text.pop();
    } else {
      text.push(key);
    }
  }
}

/** Keys one by one, kept until they are wanted: two lines may be pasted at once. */
function createKeys(): { push(chunk: Buffer): void; end(): void; next(): Promise<string | undefined> } {
  const decoder = new StringDecoder("utf8");
  const waiting: string[] = [];
  const state = { ended: false };
  let wake = (): void => undefined;
  return {
    push(chunk) {
      waiting.push(...Array.from(decoder.write(chunk)));
      wake();
    },
    end() {
      state.ended = true;
      wake();
    },
    async next() {
      while (waiting.length === 0 && !state.ended) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return waiting.shift();
    },
  };
}
