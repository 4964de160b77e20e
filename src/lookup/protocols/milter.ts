/**
 * The server side of the milter protocol: it answers at RCPT, wants nothing of a message, and changes nothing. The
 * framing is that of src/milter.
 */
import { version, wishes } from "../../milter/bits.ts";
import { offer } from "../../milter/commands.ts";
import { packet, takePacket, text } from "../../milter/packet.ts";
import type { Packet } from "../../milter/packet.ts";
import { normalIp } from "../../mail/network.ts";
import { reply, replyText } from "../../mail/reply.ts";
import { after } from "../../smtp/session/outcome.ts";
import { isReply, readQuoted, readSender } from "../address.ts";
import { refusedByReply } from "../protocol.ts";
import type { Asker, Dialogue, Protocol, Said, Taken } from "../protocol.ts";
import type { Client, Sender, LookupVerdict } from "../verdict.ts";

/** Macros, and a command with its parameters; bodies are not wanted. */
const longest = 65_536;
const oldest = 2;

/** What is never needed, and what needs no answer, as far as the mail server offers it. */
const wanted =
  wishes.noHelo |
  wishes.noBody |
  wishes.noHeaders |
  wishes.noEndOfHeader |
  wishes.noUnknown |
  wishes.noData |
  wishes.muteConnection |
  wishes.muteMail;
/** Nothing is changed. */
const noActions = 0;

const goOn = packet("c");
/** A percent sign would be taken for the start of a format by Sendmail. */
const refuse = (answer: string): Buffer => packet("y", text(answer.replaceAll("%", "%%")));
const later = refuse(replyText(reply(451, "4.3.0", "Try again later"))).toString("latin1");

function take(input: Buffer): Taken<Packet> | undefined {
  try {
    const taken = takePacket(input, longest);
    return taken && { request: taken.packet, octets: taken.octets };
  } catch {
    return { fault: "" };
  }
}

/** Texts that end in NUL each. */
function textsIn(data: Buffer): string[] {
  return data.toString("latin1").split("\0").slice(0, -1);
}

const withoutBrackets = (written: string): string => /^<(.*)>$/s.exec(written)?.[1] ?? written;

/** The client of SMFIC_CONNECT; undefined: it has no IP address, as a message from the machine itself. */
function clientIn(data: Buffer): Client | undefined {
  const end = data.indexOf(0);
  const family = data.toString("latin1", end + 1, end + 2);
  if (end < 0 || !/^[46]$/.test(family)) {
    return undefined;
  }
  const name = data.toString("latin1", 0, end);
  const [written = ""] = textsIn(data.subarray(end + 4));
  const ip = normalIp(written.replace(/^ipv6:/i, ""));
  return { ip, host: name === "unknown" || name.startsWith("[") ? "" : name, helo: "", login: "" };
}

/** A connection; some mail servers have one session after another on it. */
class MilterSession {
  #muted = 0;
  #client: Client | undefined;
  /** Of the macros in front of the next MAIL. */
  #told = "";
  /** Of this transaction: a session after this one on the connection has not logged in. */
  #login = "";
  #sender: Sender | undefined;
  #unknown = 0;

  answer({ letter, data }: Packet, asker: Asker): Said | Promise<Said> {
    switch (letter) {
      case "O":
        return this.#agree(data);
      case "D":
        this.#note(data);
        return "";
      case "C":
        this.#client = clientIn(data);
        return this.#said(wishes.muteConnection);
      case "M":
        this.#begin(withoutBrackets(textsIn(data)[0] ?? ""));
        [this.#login, this.#told] = [this.#told, ""];
        return this.#said(wishes.muteMail);
      case "R":
        return this.#recipient(withoutBrackets(textsIn(data)[0] ?? ""), asker);
      case "A":
        this.#begin(undefined);
        return "";
      case "K":
        this.#begin(undefined);
        this.#client = undefined;
        return "";
      case "Q":
        return undefined;
    }
    return goOn;
  }

  #said(wish: number): Said {
    return (this.#muted & wish) === 0 ? goOn : "";
  }

  #agree(data: Buffer): Said {
    const its = data.length < 12 ? 0 : data.readUInt32BE(0);
    if (its < oldest) {
      return undefined;
    }
    this.#muted = data.readUInt32BE(8) & wanted;
    return offer(Math.min(its, version), noActions, this.#muted);
  }

  /** Macros: the login comes in front of MAIL. */
  #note(data: Buffer): void {
    if (data.toString("latin1", 0, 1) !== "M") {
      return;
    }
    const names = textsIn(data.subarray(1));
    const at = names.findIndex((name, i) => i % 2 === 0 && name.replace(/^\{(.*)\}$/, "$1") === "auth_authen");
    this.#told = at < 0 ? "" : (names[at + 1] ?? "");
  }

  #begin(sender: string | undefined): void {
    this.#sender = sender === undefined ? undefined : readSender(sender);
    this.#login = "";
    this.#unknown = 0;
  }

  #recipient(written: string, asker: Asker): Buffer | Promise<Buffer> {
    return after(this.#judge(written, asker), (verdict) => {
      this.#unknown += verdict.kind === "unknown" ? 1 : 0;
      const refusal = refusedByReply(verdict);
      return refusal === undefined ? goOn : refuse(refusal);
    });
  }

  #judge(written: string, asker: Asker): LookupVerdict | Promise<LookupVerdict> {
    const recipient = readQuoted(written, asker.service);
    const client = this.#client && { ...this.#client, login: this.#login };
    return isReply(recipient)
      ? asker.unread(written, recipient, { sender: this.#sender, client })
      : asker.ask({ recipient, sender: this.#sender, client, unknownBefore: this.#unknown });
  }
}

function open(): Dialogue<Packet> {
  const session = new MilterSession();
  return { take, answer: (request, asker) => session.answer(request, asker), later };
}

export const milter: Protocol<Packet> = { longest, refusal: refusedByReply, open };
