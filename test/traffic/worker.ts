/** A worker of its own process: notes messages in a folder, tells that it has, and closes when it is told to. */
import { once } from "node:events";

import { createDomains } from "../../src/mail/domains.ts";
import { silentLog } from "../../src/report/log.ts";
import type { Recipients } from "../../src/snapshot/recipients.ts";
import { TrafficRecorder } from "../../src/traffic/recorder.ts";

const [folder = "", secret = "", user = "", messages = ""] = process.argv.slice(2);
const recorder = new TrafficRecorder({ folder, secret, match: "address" }, silentLog, { flushEvery: 5, textEvery: 1 });
const known: Pick<Recipients, "find"> = {
  find: ({ user: key }) => ({ kind: "known", key, as: "account", source: "", entry: "" }),
};
const notes = recorder.notes({
  // The recorder asks nothing else.
  recipients: known as Recipients,
  domains: createDomains(["kontor.example"]),
  formsOf: (one) => [one],
  list: () => 1000,
});
for (let i = 0; i < Number(messages); i += 1) {
  for (const name of ["both", user]) {
    notes.accepted({ raw: `${name}@kontor.example`, user: name, domain: "kontor.example" });
  }
  await new Promise((resolve) => setImmediate(resolve));
}
process.send?.("noted");
await once(process, "message");
await recorder.close();
process.disconnect?.();
