/** `[dns]`: what all checks and routes share. */
import * as z from "zod";

import { parseServer } from "../mail/name-server.ts";
import * as field from "./fields.ts";

const serverRule: field.TextRule = {
  allowed: '"address", "address:port" or "[v6]:port"',
  fits: (text) => parseServer(text) !== undefined,
};

/** See the file's first line. */
export const dns = z.strictObject({
  servers: field.listBy(
    serverRule,
    [],
    'Name servers, "192.0.2.53" or "192.0.2.53:5353"; the first one that answers counts. Empty: those of /etc/resolv.conf.',
  ),
  timeout: field.duration("5s", "Deadline for one question, including retries at the other servers.", ["10ms", "1m"]),
  cache_size: field.integer(10_000, 0, 1_000_000, "Answers to keep, each for its own TTL."),
});
