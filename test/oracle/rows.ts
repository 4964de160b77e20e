/** Every row that goodmailto and qpsmtpd 0.94-5 both have. A new one is a few lines in a file of test/oracle/rows. */
import type { Row } from "./row.ts";
import { client } from "./rows/client.ts";
import { content } from "./rows/content.ts";
import { envelope } from "./rows/envelope.ts";
import { lists } from "./rows/lists.ts";
import { rate } from "./rows/rate.ts";
import { recipients } from "./rows/recipients.ts";
import { scanners } from "./rows/scanners.ts";
import { sessions } from "./rows/sessions.ts";
import { signatures } from "./rows/signatures.ts";

export const rows: readonly Row[] = [
  ...client,
  ...envelope,
  ...recipients,
  ...lists,
  ...content,
  ...scanners,
  ...signatures,
  ...rate,
  ...sessions,
];
