/** Reads a secret: typed without echo, or the first line of standard input. */
import { StringDecoder } from "node:string_decoder";

/** The first line of standard input without its end; undefined where there is none, or one that is far too long. */
export async function readLine(maxOctets: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
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

/** A line from the terminal, not shown; undefined where Ctrl-C or Ctrl-D ends it. */
export async function readSecret(prompt: string): Promise<string | undefined> {
  const { stdin } = process;
  const decoder = new StringDecoder("utf8");
  process.stderr.write(prompt);
  stdin.setRawMode(true);
  stdin.resume();
  try {
    return await new Promise((resolve) => {
      let text = "";
      const take = (chunk: Buffer): void => {
        for (const key of decoder.write(chunk)) {
          if (key === "\r" || key === "\n" || key === "\x03" || key === "\x04") {
            stdin.off("data", take);
            resolve(key === "\r" || key === "\n" ? text : undefined);
            return;
          }
          text = key === "\x7f" || key === "\b" ? [...text].slice(0, -1).join("") : text + key;
        }
      };
      stdin.on("data", take);
      stdin.once("end", () => resolve(undefined));
    });
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    process.stderr.write("\n");
  }
}
