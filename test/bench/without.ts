/**
 * Undoes one cure of ours, to measure what it is worth: `WITHOUT=cork node --import …/without.ts src/main.ts serve`.
 * Only for the bench; nothing of the relay knows of it.
 */
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";

import { LineWriter } from "../../src/ops/line-writer.ts";
import { Parser } from "../../src/smtp/parser.ts";

switch (process.env["WITHOUT"]) {
  case "cork":
    // Each reply is a write of its own.
    Parser.prototype._write = SMTPStream.prototype._write;
    break;
  case "batches": {
    // Each line of the log is a write of its own.
    const write = LineWriter.prototype.write;
    LineWriter.prototype.write = function writeAtOnce(this: LineWriter, line: string): void {
      write.call(this, line, true);
    };
    break;
  }
  case undefined:
    break;
  default:
    throw new RangeError(`There is no cure "${process.env["WITHOUT"]}"`);
}
