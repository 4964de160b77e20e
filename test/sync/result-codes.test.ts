import { describe, expect, it } from "vitest";

import { resultText } from "../../sync/sources/result-codes.ts";

const activeDirectory = (data: string): string =>
  `80090308: LdapErr: DSID-0C090569, comment: AcceptSecurityContext error, data ${data}, v4563`;

describe("a result code", () => {
  it.each([
    [32, "", "result code 32: base is not on this server, or the bind DN may not see it"],
    [49, "", "result code 49: bind_dn or the password is wrong"],
    [50, "", "result code 50: the bind DN has no right to do this"],
    [53, "", "result code 53: the server's policy forbids it, often without a bind or without TLS"],
    [80, "data 52e", "result code 80"],
    [49, activeDirectory("525"), "result code 49: there is no such user: check bind_dn"],
    [49, activeDirectory("52e"), /the password is wrong/],
    [49, activeDirectory("533"), /the account is disabled/],
    [49, activeDirectory("775"), /the account is locked/],
    [49, activeDirectory("999"), "result code 49: bind_dn or the password is wrong"],
  ] as const)("%i with %j has words", (code, said, words) => {
    expect(resultText(code, said)).toEqual(typeof words === "string" ? words : expect.stringMatching(words));
  });
});
