/** SpamAssassin's spamd: its score of a message, and the fields that it would add. SPAMC/1.5, command HEADERS. */
import type { Score, Transport } from "../hooks/scanner.ts";
import { fieldName, splitFields } from "../message/header.ts";
import { GatheredScan } from "./gathered.ts";
import { CannotScan } from "./scan.ts";
import { formatPlace, ServiceConnection } from "./service-connection.ts";
import type { ServicePlace } from "./service-connection.ts";

/** Bytes: the header section of the message is in it. */
const longestAnswer = 1_048_576;

/** What spamd gets besides the message. */
export interface SpamdRequest {
  readonly place: ServicePlace;
  /** Whose preferences; "" is spamd's default. */
  readonly user: string;
  /** Fields in front of the message, with line endings. */
  readonly lead: string;
}

export function spamd({ place, user, lead }: SpamdRequest): Transport<Score> {
  const ask = (message: Buffer) => {
    const connection = new ServiceConnection(place, longestAnswer, () => false);
    const named = user === "" ? "" : `User: ${user}\r\n`;
    void connection.write(
      Buffer.from(`HEADERS SPAMC/1.5\r\nContent-length: ${message.length}\r\n${named}\r\n`, "latin1"),
      message,
    );
    connection.end();
    return { answer: connection.answer().then(read), close: () => connection.close() };
  };
  return { place: `spamd at ${formatPlace(place)}`, open: () => new GatheredScan(Buffer.from(lead, "latin1"), ask) };
}

function read(answer: Buffer): Score {
  const text = answer.toString("latin1");
  const status = /^SPAMD\/\d+\.\d+ (\d+) ([^\r\n]*)\r?\n/.exec(text);
  if (status === null) {
    throw new Error(
      text === "" ? "it closed the connection" : `unexpected answer ${JSON.stringify(text.slice(0, 80))}`,
    );
  }
  if (status[1] !== "0") {
    throw new CannotScan(`it says ${status[1]} ${status[2]}`);
  }
  const end = text.indexOf("\r\n\r\n");
  const score = /^Spam: *\w+ *; *(-?\d+(?:\.\d+)?) *\/ *(-?\d+(?:\.\d+)?) *\r?$/im.exec(
    text.slice(0, Math.max(0, end)),
  );
  const length = Number(/^Content-length: *(\d+) *\r?$/im.exec(text.slice(0, Math.max(0, end)))?.[1]);
  const section = text.slice(end + 4);
  if (score === null || section.length < length) {
    throw new Error("half an answer");
  }
  return {
    kind: "score",
    score: Number(score[1]),
    required: Number(score[2]),
    headers: splitFields(section.replaceAll(/\r?\n/g, "\r\n"))
      .filter((line) => /^x-spam-/i.test(fieldName(line)))
      .map((line) => line.trimEnd()),
  };
}
