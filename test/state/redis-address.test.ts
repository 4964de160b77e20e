/** The URL of a Redis, taken apart; what cannot be read is said without the password in it. */
import { describe, expect, it } from "vitest";

import { parseRedis } from "../../src/state/redis-address.ts";

const none = { user: "", password: "", master: "", database: 0 };

describe("the URL of a Redis", () => {
  it.each([
    ["redis://127.0.0.1", { ...none, kind: "single", secure: false, hosts: [{ host: "127.0.0.1", port: 6379 }] }],
    [
      "rediss://relay:a%40b%2Fc@redis.example:6380/2",
      {
        ...none,
        ...{ kind: "single", secure: true, hosts: [{ host: "redis.example", port: 6380 }] },
        ...{ user: "relay", password: "a@b/c", database: 2 },
      },
    ],
    [
      "redis://:x@[::1]:7/",
      { ...none, kind: "single", secure: false, hosts: [{ host: "::1", port: 7 }], password: "x" },
    ],
    [
      "redis+sentinel://relay:x@one,two:26380/mymaster/3",
      {
        ...{ kind: "sentinel", secure: false, user: "relay", password: "x", master: "mymaster", database: 3 },
        hosts: [
          { host: "one", port: 26_379 },
          { host: "two", port: 26_380 },
        ],
      },
    ],
    [
      "REDISS+cluster://one:1,two",
      {
        ...none,
        ...{ kind: "cluster", secure: true },
        hosts: [
          { host: "one", port: 1 },
          { host: "two", port: 6379 },
        ],
      },
    ],
  ])("%s says all of it", (url, address) => {
    expect(parseRedis(url)).toEqual(address);
  });

  it.each([
    ["http://one", /begins with none of/],
    ["redis+replica://one", /begins with none of/],
    ["redis://", /lacks a host/],
    ["redis://user:x@", /lacks a host/],
    ["redis+cluster://one,,two", /lacks a host/],
    ["redis://one,two", /several hosts/],
    ["redis://one:99999", /something else where a host/],
    ["redis://one:0", /something else where a host/],
    ["redis://user:hid/den@one", /something else where a host/],
    ["redis://user:hid@den@one", /more than one "@"/],
    ["redis://user:hidden%@one", /begins no %XX/],
    ["redis://one?family=6", /options are settings of \[state\]/],
    ["redis://us er@one", /a space/],
    ["redis://one/zero", /number of a database/],
    ["redis://one/0/1", /number of a database/],
    ["redis+sentinel://one", /lacks the name of the master/],
    ["redis+sentinel://one/", /lacks the name of the master/],
    ["redis+sentinel://one/a:b", /lacks the name of the master/],
    ["redis+sentinel://one/m/0/1", /number of a database/],
    ["redis+cluster://one/1", /a cluster has only 0/],
  ])("%s is none", (url, why) => {
    expect(parseRedis(url)).toMatch(why);
    expect(parseRedis(url)).not.toMatch(/hid|den/);
  });
});
