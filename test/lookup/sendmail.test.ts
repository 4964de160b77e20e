/** A real sendmail with the lines of docs/lookups.md, which asks us as a milter and by its socket map. */
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { notUnpacked } from "../fakes/jail.ts";
import type { Jailed } from "../fakes/jail.ts";
import { missing } from "../fakes/need.ts";
import { sendmailProgram, startSendmail } from "../fakes/sendmail.ts";
import { lists, plain, rich } from "./addresses.ts";
import { blockOf } from "./page.ts";
import { askOdd, askServer, compare, startAskedRelay } from "./servers.ts";
import type { AskedRelay } from "./servers.ts";

const ways = ["milter", "socketmap"] as const;
/** What it does not take for an address of a relay domain: an empty user, one with a route, and a name alone. */
const own = /<(?:""@[^>]*|[^>]*%[^>]*)>\.\.\. Relaying denied|<[^@>]+>\.\.\. User unknown/;
const milterSection = (socket: string): string =>
  `[[lookup]]
name = "milter"
protocol = "milter"
listen = ["unix:${socket}"]
`;
const heading = "I keep my sendmail";

describe.skipIf(notUnpacked(sendmailProgram) || missing("m4"))("a real sendmail that asks goodmailto", () => {
  let asked: AskedRelay;
  const servers = new Map<string, Jailed>();
  const portOf = (way: string): number => servers.get(way)?.port ?? 0;

  beforeAll(async () => {
    const milter = await startSendmail(blockOf(heading, "INPUT_MAIL_FILTER"));
    servers.set("milter", milter);
    asked = await startAskedRelay(["socketmap"], milterSection(join(milter.folder, "run/goodmailto/milter")));
    const places = { "inet:10041@127.0.0.1": `inet:${asked.portOf("socketmap")}@127.0.0.1` };
    servers.set("socketmap", await startSendmail(blockOf(heading, "Kgoodmailto", places)));
  });
  afterAll(async () => {
    await Promise.all([...servers.values(), { close: () => asked?.relay.stop() }].map((each) => each.close()));
  });

  describe.each(ways)("by %s", (way) => {
    it.each(lists)("answers random addresses as the relay does over a list %s", async (_, rows) => {
      await asked.use(rows);
      const { wrong, classes } = await compare(asked.relay.port, portOf(way), { isUntold: way === "socketmap", own });
      expect(wrong).toEqual([]);
      expect(classes["2"]).toBeGreaterThan(20);
    });

    it("gives the replies of the page", async () => {
      await asked.use(rich);
      const users = ["vera.yildiz", "nobody", "urlaub", "weg", "chef", "board"];
      const addresses = users.map((user) => `${user}@kontor.example`);
      const replies = await askServer(portOf(way), [...addresses, "x@elsewhere.example"]);
      const forSome = way === "milter" ? "550 5.7.1 Delivery not authorized" : "250 2.1.5 Recipient ok";
      const later = way === "milter" ? "Mailbox not available now, try again later" : "Try again later";
      expect(replies.map((reply) => reply.replace(/<.*>\.\.\. /, ""))).toEqual([
        "250 2.1.5 Recipient ok",
        "550 5.1.1 No such user here",
        `450 4.2.1 ${later}`,
        `450 4.2.1 ${later}`,
        forSome,
        forSome,
        expect.stringMatching(/^550 5\.7\.1 Relaying denied/),
      ]);
    });

    it("takes nothing that a client writes for its own language, nor for another address", async () => {
      await asked.use(plain);
      expect(await askOdd(portOf(way))).toEqual([]);
    });
  });

  it.each(ways)("tries again later if nobody answers by %s", async (way) => {
    await asked.relay.stop();
    const answered = askServer(portOf(way), ["vera.yildiz@kontor.example"]).then(String, String);
    expect(await answered).toMatch(/451 4\.\d\.\d|450 4\.2\.1/);
  });
});
