/**
 * Undoes one cure of ours, to measure what it is worth: `WITHOUT=turn node --import …/without.ts src/main.ts serve`.
 * Only for the bench; nothing of the relay knows of it.
 */
import { Socket } from "node:net";

import { LineWriter } from "../../src/log/line-writer.ts";

switch (process.env["WITHOUT"]) {
  case "turn":
    // Each reply, and each command to the next hop, is a write of its own, at once.
    Socket.prototype.cork = () => undefined;
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
