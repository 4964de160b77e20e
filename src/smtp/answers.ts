/** The fixed replies of the SMTP service, made once. RFC 5321 4.2.3, RFC 3463. */
import { reply } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";
import type { Decision, MessageFacts } from "../report/event.ts";

/** What a command comes to: a reply, or none (the client is dropped), and whether the connection ends. */
export interface Response {
  readonly reply: Reply | undefined;
  readonly close: boolean;
  /** Who decided so, for the record; undefined: the server, for no reason but the reply's. */
  readonly by?: Decision | undefined;
  /** The message that this reply is to, for the record. */
  readonly message?: MessageFacts | undefined;
}

/** A reply that lets the session go on. 421 always ends it. */
export function say(answer: Reply, by?: Decision): Response {
  return { reply: answer, close: answer.code === 421, by };
}

/** A reply that ends the session. */
export function sayAndClose(answer: Reply, by?: Decision): Response {
  return { reply: answer, close: true, by };
}

/** End without a word. */
export const dropped: Response = { reply: undefined, close: true };

/** Whether a reply counts as an error of the client. 452 does not: more than max_recipients must get through, part by part. */
export function isOffence(answer: Reply | undefined): boolean {
  return answer !== undefined && answer.code >= 400 && answer.code !== 452;
}

export const answers = {
  ok: say(reply(250, "2.0.0", "OK")),
  flushed: say(reply(250, "2.0.0", "Flushed")),
  senderOk: say(reply(250, "2.1.0", "Sender OK")),
  recipientOk: reply(250, "2.1.5", "Recipient OK"),
  noPromise: say(reply(252, "2.5.0", "Send some mail, it will be tried")),
  help: say(reply(214, "2.0.0", "See RFC 5321")),
  bye: sayAndClose(reply(221, "2.0.0", "Bye")),
  go: reply(354, "", "End data with <CR><LF>.<CR><LF>"),
  chunkTaken: say(reply(250, "2.0.0", "Chunk received")),
  badChunk: sayAndClose(reply(501, "5.5.4", "Syntax: BDAT octets [LAST]")),
  bareChunk: sayAndClose(reply(501, "5.5.2", "Lines must end in CR LF, not in LF alone")),
  withinChunks: say(reply(503, "5.5.1", "This message comes by BDAT: send its next chunk, or RSET")),
  unknownCommand: say(reply(500, "5.5.2", "Command not recognised")),
  bareLine: say(reply(500, "5.5.2", "Lines must end in CR LF, not in LF alone")),
  notImplemented: say(reply(502, "5.5.1", "Command not implemented")),
  badHelo: say(reply(501, "5.5.4", "Syntax: EHLO hostname")),
  badVrfy: say(reply(501, "5.5.4", "Syntax: VRFY address")),
  noArgument: say(reply(501, "5.5.4", "This command takes no argument")),
  heloFirst: say(reply(503, "5.5.1", "Send HELO or EHLO first")),
  notYourAddress: say(reply(553, "5.7.1", "This login may not use this sender address")),
  mailFirst: say(reply(503, "5.5.1", "Send MAIL first")),
  rcptFirst: say(reply(503, "5.5.1", "Send RCPT first")),
  nested: say(reply(503, "5.5.1", "Sender already given")),
  noneLeft: reply(554, "5.5.1", "No valid recipients"),
  spoolFull: reply(452, "4.3.1", "Insufficient storage, try again later"),
  headerTooLarge: reply(554, "5.6.0", "Header section too large"),
  noRecipients: say(reply(554, "5.5.1", "No valid recipients")),
  refusedSession: say(reply(503, "5.5.1", "Bad sequence of commands; this session was refused")),
  tooLarge: reply(552, "5.3.4", "Message too large"),
  tooManyRecipients: say(reply(452, "4.5.3", "Too many recipients")),
  otherRoute: reply(452, "4.5.3", "Send this recipient in a message of its own"),
  dividedRoute: reply(451, "4.3.5", "These recipients cannot be served together, try again later"),
  relayingDenied: reply(550, "5.7.1", "Relaying denied"),
  bareNewlines: reply(550, "5.6.0", "Message holds a bare CR, LF or NUL"),
  notSmtp: sayAndClose(reply(421, "4.7.0", "This is SMTP")),
  tooManyErrors: sayAndClose(reply(421, "4.7.0", "Too many errors")),
  tooManyCommands: sayAndClose(reply(421, "4.7.0", "Too many commands")),
  tooManyUnrecognised: sayAndClose(reply(421, "4.7.0", "Too many unknown commands")),
  tooManyUnknown: sayAndClose(reply(421, "4.7.0", "Too many unknown recipients")),
  tooOften: sayAndClose(reply(421, "4.7.0", "Too many connections, try later")),
  tooManyConnections: sayAndClose(reply(421, "4.7.0", "Too many connections")),
  timeout: sayAndClose(reply(421, "4.4.2", "Timeout")),
  closing: sayAndClose(reply(421, "4.3.2", "Service is closing")),
  fault: sayAndClose(reply(421, "4.3.0", "Local error")),
  messageCut: sayAndClose(reply(552, "5.3.4", "Message far too large")),
  readyForTls: reply(220, "2.0.0", "Ready to start TLS"),
  tlsFirst: say(reply(538, "5.7.11", "Encryption required: send STARTTLS first")),
  authOutOfPlace: say(reply(503, "5.5.1", "AUTH is out of place here")),
  lineTooLong: sayAndClose(reply(421, "4.5.2", "Line too long")),
} as const;
