/** An address and its bare user part are asked for at once: as if they were asked for one after the other. */
import { join } from "node:path";

import { expect, it } from "vitest";

import { preferPresent } from "../../src/snapshot/image.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { searchDomain } from "../../src/snapshot/search.ts";
import { found, listSource, memoryLog, publish, temporaryFolder } from "./fixture.ts";

it("finds what the address has, else what its user part has in the sources of the domain", async () => {
  const path = join(temporaryFolder(), "snapshot.sqlite");
  const internal = (key: string) => ({ ...found(key, "account", `CN=${key}`), rule: "internal" });
  await publish(path, [
    listSource("office", [
      found("open@kontor.example", "account", "CN=open"),
      found("open", "shortname", "CN=bare open"),
      internal("inside@kontor.example"),
      found("inside", "shortname", "CN=bare inside"),
      found("bare", "shortname", "CN=bare"),
      internal("hidden"),
    ]),
    listSource("plant", [found("smith", "shortname", "CN=smith"), found("bare", "account", "CN=plant bare")], {
      domains: ["plant.example"],
    }),
  ]);
  const { image } = openSnapshot(path, memoryLog());
  if (image === undefined) {
    throw new TypeError("no snapshot");
  }
  const users = ["open", "inside", "bare", "hidden", "smith", "nobody"];
  const rows = users.flatMap((user) =>
    ["kontor.example", "plant.example", "else.example"].map((domain) => {
      const row = searchDomain(image, user.toUpperCase(), domain);
      expect(row).toEqual(preferPresent(image.findAddress(`${user}@${domain}`), image.findUser(user, domain)));
      return row?.entry;
    }),
  );
  expect(rows).toEqual([
    ...["CN=open", "CN=bare open", "CN=bare open"],
    ...["CN=inside@kontor.example", "CN=bare inside", "CN=bare inside"],
    ...["CN=bare", "CN=bare", "CN=bare"],
    ...["CN=hidden", "CN=hidden", "CN=hidden"],
    ...[undefined, "CN=smith", undefined],
    ...[undefined, undefined, undefined],
  ]);
});
