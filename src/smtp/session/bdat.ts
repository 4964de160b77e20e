/** BDAT: to a message, its first chunk is what DATA is. RFC 3030 2. */
import { answers } from "../answers.ts";
import type { Response } from "../answers.ts";
import { Chunk } from "../message/chunk.ts";
import type { ChunkSize } from "../message/chunk.ts";
import type { DataAnswer } from "../message/open-message.ts";
import type { Conversation } from "./conversation.ts";
import { after } from "./outcome.ts";

/** What BDAT comes to: a chunk to be taken in, or a response that ends the session. */
export type ChunkAnswer = Response | { readonly chunk: Chunk };

/** What a client may say between the chunks of a message. */
const within = new Set(["BDAT", "RSET", "NOOP", "QUIT", "EHLO", "HELO"]);

/** Whether a command must not come between the chunks of a message. */
export function isOutOfPlace({ incoming }: Conversation, verb: string): boolean {
  return incoming !== undefined && !within.has(verb);
}

/** Octets of a chunk that counts as a command: so many small ones and no more. */
const small = 1024;

/** Whether it does not count for `[limits] session_commands`, as a large message may have thousands. */
export function isFree(conversation: Conversation, { octets }: ChunkSize): boolean {
  return conversation.incoming !== undefined && octets >= small;
}

/** Prepares to take in a chunk. A refusal waits until the chunk's octets have come. */
export function answerChunk(conversation: Conversation, size: ChunkSize): ChunkAnswer | Promise<ChunkAnswer> {
  const { incoming } = conversation;
  return after<DataAnswer, ChunkAnswer>(
    incoming === undefined ? conversation.open(true) : { intake: incoming },
    (into) => {
      if ("intake" in into) {
        return { chunk: new Chunk(size, into) };
      }
      // None of the chunks behind it may begin a message.
      conversation.end();
      return into.close ? into : isFar(conversation, size) ? tooFar(conversation) : { chunk: new Chunk(size, into) };
    },
  );
}

/** More than what is read of a message that is too large. */
function isFar({ messageSize, service }: Conversation, { octets }: ChunkSize): boolean {
  return messageSize > 0 && octets > messageSize + service.limits.messageExcess;
}

const tooFar = (conversation: Conversation): Response => conversation.limit("message size", answers.messageCut);
