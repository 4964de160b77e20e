/**
 * The beginning of a connection to a next hop: greeting, EHLO, STARTTLS as the policy asks, EHLO again; with LMTP, LHLO.
 * RFC 5321, 3207, 2033.
 */
import { foldAscii } from "../../mail/address.ts";
import { formatHop } from "../../mail/hop-endpoint.ts";
import type { HopEndpoint } from "../../mail/hop-endpoint.ts";
import type { TlsPolicy } from "../contract/routes.ts";
import { hopText, isSuccess } from "./fitting.ts";
import { HopFault } from "./hop-fault.ts";
import type { HopReply } from "./reply-reader.ts";

/** A connection that is just open. */
interface Young {
  readonly endpoint: HopEndpoint;
  /** EHLO keywords, filled in here. */
  readonly features: Map<string, string>;
  /** What the hop refused that it may refuse, filled in here. */
  readonly refused: string[];
  readonly secure: boolean;
  answer(timeout: number): Promise<HopReply>;
  command(line: string, timeout: number): Promise<HopReply>;
  startTls(policy: TlsPolicy, timeout: number): Promise<void>;
}

/** Names that many machines bear: they say nothing about who answers. */
const commonNames: ReadonlySet<string> = new Set(["", "localhost", "localhost.localdomain"]);

/** Makes a connection usable. @throws HopFault if the hop refuses, or is this relay itself */
export async function introduce(
  connection: Young,
  hostname: string,
  policy: TlsPolicy,
  timeout: number,
): Promise<void> {
  const greeting = await connection.answer(timeout);
  if (greeting.reply.code !== 220) {
    throw refusal(connection, `greeting ${hopText(greeting.reply)}`, greeting);
  }
  expectOther(connection, greeting, hostname, "greets");
  await hello(connection, hostname, timeout);
  if (policy.mode === "off" || connection.secure || !(await agreeOnTls(connection, policy, timeout))) {
    return;
  }
  await connection.startTls(policy, timeout);
  await hello(connection, hostname, timeout);
}

/** Asks for TLS. @returns whether the handshake may begin */
async function agreeOnTls(connection: Young, { mode }: TlsPolicy, timeout: number): Promise<boolean> {
  if (!connection.features.has("STARTTLS")) {
    if (mode === "require") {
      const text = `Cannot use ${formatHop(connection.endpoint)}: it does not offer STARTTLS`;
      throw new HopFault(text, { lasting: true });
    }
    return false;
  }
  const go = await connection.command("STARTTLS", timeout);
  if (go.reply.code === 220) {
    return true;
  }
  const text = `STARTTLS answered ${hopText(go.reply)}`;
  if (mode === "require") {
    throw refusal(connection, text, go);
  }
  connection.refused.push(text);
  return false;
}

/** EHLO, or HELO where that is refused. @param name in place of the own one, of a client that is forwarded */
export async function hello(connection: Young, hostname: string, timeout: number, name = hostname): Promise<void> {
  connection.features.clear();
  const { lmtp = false } = connection.endpoint;
  const verb = lmtp ? "LHLO" : "EHLO";
  const answer = await connection.command(`${verb} ${name}`, timeout);
  if (isSuccess(answer.reply.code)) {
    expectOther(connection, answer, hostname, `answers ${verb}`);
    for (const line of answer.lines.slice(1)) {
      const [keyword = "", ...rest] = line.trim().split(/\s+/);
      connection.features.set(keyword.toUpperCase(), rest.join(" "));
    }
    return;
  }
  const refused = `${verb} answered ${hopText(answer.reply)}`;
  if (lmtp) {
    throw refusal(connection, refused, answer);
  }
  const plain = await connection.command(`HELO ${name}`, timeout);
  if (!isSuccess(plain.reply.code)) {
    throw refusal(connection, `${refused}, HELO answered ${hopText(plain.reply)}`, plain);
  }
  expectOther(connection, plain, hostname, "answers HELO");
  connection.refused.push(refused);
}

function refusal(connection: Young, text: string, { reply }: HopReply): HopFault {
  const message = `Cannot use ${formatHop(connection.endpoint)}: ${text}`;
  return new HopFault(message, { said: reply, lasting: reply.code >= 500 });
}

/**
 * RFC 5321 4.2, 4.3.1: the first word of these replies is the server's name. What speaks LMTP is not this relay, and often
 * has the name of its machine.
 */
function expectOther(connection: Young, { lines }: HopReply, hostname: string, does: string): void {
  const name = nameForm(/^\S*/.exec(lines[0] ?? "")?.[0] ?? "");
  if (connection.endpoint.lmtp !== true && name === nameForm(hostname) && !commonNames.has(name)) {
    const why = `it ${does} with the relay's own name "${hostname}"; if it is another server, give one of the two another host name`;
    throw new HopFault(`${formatHop(connection.endpoint)} is this relay itself: ${why}`, { ourselves: true });
  }
}

function nameForm(text: string): string {
  return foldAscii(text).replace(/\.$/, "");
}
