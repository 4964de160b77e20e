/** `[log]`: what is logged, in which form, and where to. */
import * as z from "zod";

import { parseEndpoint } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";
import * as field from "./fields.ts";
import { lateSection, lateShape } from "./late.ts";

/** Where log lines go. */
export type LogSink =
  | { readonly kind: "stderr" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "syslog"; readonly transport: "udp" | "tcp"; readonly server: Endpoint };

const syslogPort = 514;

/** Reads an entry of `[log] sinks`. @returns undefined if it is none */
export function parseSink(text: string): LogSink | undefined {
  if (text === "stderr") {
    return { kind: "stderr" };
  }
  const [, kind, rest = ""] = /^(file|syslog:udp|syslog:tcp):(.+)$/.exec(text) ?? [];
  if (kind === "file") {
    return rest.startsWith("/") && !rest.includes("\0") ? { kind, path: rest } : undefined;
  }
  const server = kind === undefined ? undefined : parseEndpoint(rest, syslogPort);
  const transport = kind === "syslog:tcp" ? "tcp" : "udp";
  return server === undefined ? undefined : { kind: "syslog", transport, server };
}

const sinkRule: field.TextRule = {
  allowed: '"stderr", "file:/path", "syslog:udp:host:port" or "syslog:tcp:host:port"',
  fits: (text) => parseSink(text) !== undefined,
};

/** What `recipient_line` may name in braces. */
export const recipientWords = ["check", "host", "ip", "helo", "from", "user", "address", "status", "session"] as const;
export type RecipientWord = (typeof recipientWords)[number];

/** Parts of a template: text, or a word to be replaced. */
export type TemplatePart = { readonly text: string } | { readonly word: RecipientWord };

/** Splits a template. @returns undefined if it has a word in braces that there is not */
export function parseRecipientLine(template: string): readonly TemplatePart[] | undefined {
  const parts = template.split(/(\{[^{}]*\})/).filter((part) => part !== "");
  const read = parts.map((part): TemplatePart | undefined => {
    const name = /^\{(.*)\}$/.exec(part)?.[1];
    const word = recipientWords.find((one) => one === name);
    return name === undefined ? { text: part } : word === undefined ? undefined : { word };
  });
  return read.every((part) => part !== undefined) ? read : undefined;
}

/** The line of the qmail-spp plugin goodmailto. */
export const usualRecipientLine = "{check}: host: {host} from: {from} to: {user} ({address}) status: {status}";

const lineRule: field.TextRule = {
  allowed: `1 to 400 printable ASCII characters, in braces only ${recipientWords.map((word) => `{${word}}`).join(" ")}`,
  fits: (text) => /^[\x20-\x7e]{1,400}$/.test(text) && parseRecipientLine(text) !== undefined,
};

const rotate = z.strictObject({
  size: field.restart(
    field.size(
      "0B",
      'A log file that has grown to this size, such as "100MB", is renamed to "NAME.1", and a new one begins. 0B: never; then logrotate may rename it, with or without a SIGHUP.',
    ),
  ),
  keep: field.restart(field.integer(7, 1, 1000, 'How many renamed log files to keep: "NAME.1" is the newest.')),
});

/** The section. */
export const log = lateSection(
  lateShape({
    format: () =>
      field.restart(
        field.choice(
          ["plain", "json", "tai64n"],
          "plain",
          "plain: for multilog or the journal. tai64n: the same with a time stamp. json: one object per line.",
        ),
      ),
    level: () =>
      field.restart(
        field.choice(
          ["debug", "info", "warning", "error"],
          "info",
          "The lowest level that is logged. Verdicts have level info.",
        ),
      ),
    sinks: () =>
      field.restart(
        field.listBy(
          sinkRule,
          ["stderr"],
          'Where log lines go, one or several: "stderr"; "file:/path", opened again after a SIGHUP or when it was renamed; "syslog:udp:host:port" and "syslog:tcp:host:port" in the form of RFC 5424, facility mail. Lines for a sink that is not available are counted and reported when it is back; if no sink can be opened, they go to standard error.',
          {},
          1,
        ),
      ),
    recipient_line: () =>
      field.restart(
        field.textBy(
          lineRule,
          usualRecipientLine,
          "The line about each recipient in the formats plain and tai64n. Words in braces are replaced; the default is the line of the qmail-spp plugin goodmailto.",
        ),
      ),
    events: () =>
      field.choice(
        ["off", "others", "all"],
        "others",
        'Log a line that begins with "event:" for each refusal, each message and each client that is dropped, at any stage, with the reply and who decided. others: only where no other line says it, such as refusals at HELO or MAIL. all: each of them, beside the usual lines.',
      ),
    sessions: () =>
      field.flag(
        true,
        "Log a line at the end of each session: duration, commands, messages, refusals and TLS version.",
      ),
    // A section that is not given has the defaults of its keys.
    rotate: () => rotate.prefault({} as never),
  }),
);
