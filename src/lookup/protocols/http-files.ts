/** What the relay hands to a sync by HTTP, and never without a token. */
import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";

import { readAsked } from "../../observe/asked-file.ts";
import { partPaths } from "../../observe/part-paths.ts";
import { errorCode } from "../../report/error-message.ts";
import type { Asker } from "../protocol.ts";
import type { LookupService } from "../verdict.ts";

/** An answer that is no verdict. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What may be asked for: the text, latin1. */
const texts = {
  /** Who gets mail: keyed hashes. */
  "/v1/traffic": async ({ trafficFile }: LookupService): Promise<string> => {
    if (trafficFile === undefined) {
      throw new Refusal(404, "[guard] traffic is off");
    }
    return readFile(trafficFile, "latin1").catch((error: unknown) => {
      throw errorCode(error) === "ENOENT" ? new Refusal(404, "nobody has got mail yet") : error;
    });
  },
  /** Whom clients asked for, and the list does not know: of every worker. */
  "/v1/asked": ({ askedFile }: LookupService): string => {
    if (askedFile === undefined) {
      throw new Refusal(404, "[recipients] asked_file is not set");
    }
    return partPaths(askedFile)
      .flatMap(readAsked)
      .map((address) => `${address}\n`)
      .join("");
  },
};

/** Answers with one of them. */
export async function handOver(
  path: keyof typeof texts,
  response: ServerResponse,
  { asker, token }: { readonly asker: () => Asker; readonly token: () => string | undefined },
): Promise<void> {
  if (token() === undefined) {
    throw new Refusal(404, "needs a service with token_file");
  }
  const text = await texts[path](asker().service);
  const head = { "content-type": "text/plain; charset=us-ascii", "cache-control": "no-store" };
  response.writeHead(200, head).end(text, "latin1");
}
