/** The demo's next hop: a server that takes every message, keeps none, and says what it was. RFC 5321. */
import { once } from "node:events";

import { SMTPServer } from "smtp-server";

import { boundPort } from "../mail/network.ts";

/** What is reported of a message. */
export interface ReceivedMessage {
  /** "" for the null sender. */
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly bytes: number;
  /** The subject as it is in the header, unfolded; "" if there is none. */
  readonly subject: string;
}

/** What it does instead of taking a message: a reply, or nothing, ever. For the drill; the demo sets none. */
export type HopFault = { readonly code: number; readonly text: string } | "silent";

/** Where. May be changed while it runs. */
export interface HopFaults {
  rcpt?: HopFault | undefined;
  /** At the final dot. */
  dot?: HopFault | undefined;
}

/** How it is set up. */
export interface NextHopOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  /** Called with every message that it takes, before it is answered. */
  readonly received: (message: ReceivedMessage) => void;
  /** What it says to one. */
  readonly taken?: string;
  readonly faults?: HopFaults;
}

/** The running server. */
export interface DemoNextHop {
  readonly port: number;
  close(): Promise<void>;
}

const usual = "2.0.0 Taken and forgotten: this is a demo";
/** How much of a message is searched for its subject. */
const maxHeader = 65_536;

/** Starts it on loopback. @throws Error if the port is taken */
export async function startNextHop({
  port = 0,
  received,
  taken = usual,
  faults = {},
}: NextHopOptions): Promise<DemoNextHop> {
  const server = new SMTPServer({
    name: "inside.kontor.example",
    banner: "demo next hop",
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    maxClients: 100,
    socketTimeout: 300_000,
    closeTimeout: 1000,
    onRcptTo(_, _session, done) {
      answer(faults.rcpt, () => done(), done);
    },
    onData(stream, session, done) {
      const { mailFrom, rcptTo } = session.envelope;
      const sender = mailFrom === false ? "" : mailFrom.address;
      const recipients = rcptTo.map(({ address }) => address);
      readMessage(stream).then(
        (facts) => {
          answer(faults.dot, () => (received({ sender, recipients, ...facts }), done(null, taken)), done);
        },
        (fault: unknown) =>
          done(fault instanceof Error ? fault : new Error("Cannot read the message", { cause: fault })),
      );
    },
  });
  // Errors of single connections; they end there.
  server.on("error", () => undefined);
  const listener = server.listen(port, "127.0.0.1");
  await once(listener, "listening");
  return {
    port: boundPort(listener),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function answer(fault: HopFault | undefined, take: () => void, refuse: (error: Error) => void): void {
  if (fault === undefined) {
    take();
  } else if (fault !== "silent") {
    refuse(Object.assign(new Error(fault.text), { responseCode: fault.code }));
  }
}

async function readMessage(stream: AsyncIterable<unknown>): Promise<{ bytes: number; subject: string }> {
  let bytes = 0;
  let start = "";
  for await (const chunk of stream) {
    const data = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    bytes += data.length;
    if (start.length < maxHeader) {
      start += data.toString("utf8", 0, maxHeader - start.length);
    }
  }
  return { bytes, subject: findSubject(start) };
}

/** The subject of a header section. */
export function findSubject(message: string): string {
  const header = message.split(/\r?\n\r?\n/, 1)[0] ?? "";
  const unfolded = header.replaceAll(/\r?\n(?=[ \t])/g, "");
  return /^subject:(.*)$/im.exec(unfolded)?.[1]?.trim() ?? "";
}
