/** Lookups by HTTP: one address, many, the token, the tag of a list, and requests that are none of it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";

const config = `
[smtp]
listen = []
[clients]
rules = "rules"
[[lookup]]
name = "http"
protocol = "http"
listen = ["127.0.0.1:0"]
token_file = "token"
timeout = "1s"
`;
const files = { rules: '192.0.2.1:allow,NOGOODMAILTO=""\n192.0.2.2:deny\n:allow\n', token: "geheimes-losungswort-1\n" };
const snapshot = ["vera@kontor.example", "info@kontor.example"];

describe("lookups by HTTP", () => {
  let relay: TestRelay;
  beforeAll(async () => {
    relay = await startTestRelay({ config, snapshot, files });
  });
  afterAll(() => relay?.stop());

  const ask = (path: string, more: RequestInit = {}): Promise<Response> => {
    const headers = {
      authorization: "Bearer geheimes-losungswort-1",
      ...(more.headers as Record<string, string> | undefined),
    };
    return fetch(`http://127.0.0.1:${relay.ports[0] ?? 0}${path}`, { ...more, headers });
  };
  const verdictOf = async (path: string): Promise<unknown> =>
    Reflect.get(Object(await (await ask(path)).json()), "verdict");
  const post = (body: string): Promise<Response> => ask("/v1/recipients", { method: "POST", body });

  it.each([
    ["VERA@kontor.example", "known"],
    ["nobody@kontor.example", "unknown"],
    ["nobody@kontor.example?client=192.0.2.1", "known"],
    ["vera@kontor.example?client=192.0.2.2", "blocked"],
    ["vera@elsewhere.example", "foreign"],
    ["vera%40kontor.example?sender=", "known"],
    ["v%E4ra@kontor.example", "unknown"],
    ["v%C3%A4ra@kontor.example", "unknown"],
  ])("say of %s: %s", async (path, verdict) => {
    expect(await verdictOf(`/v1/recipient/${path}`)).toBe(verdict);
  });

  it("say the same of many", async () => {
    const response = await post(JSON.stringify({ recipients: ["vera@kontor.example", "nobody@kontor.example"] }));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      recipients: [
        { address: "vera@kontor.example", verdict: "known", accepted: true },
        {
          address: "nobody@kontor.example",
          verdict: "unknown",
          accepted: false,
          reply: expect.stringMatching(/^550 5\.1\.1 /),
        },
      ],
    });
  });

  it("send an answer in one piece, which a client of a few lines can read", async () => {
    const response = await ask("/v1/recipient/vera@kontor.example");
    expect(response.headers.get("content-length")).toBe(String((await response.arrayBuffer()).byteLength));
    expect(response.headers.get("transfer-encoding")).toBeNull();
  });

  it("have a tag that stays as long as list and verdict do", async () => {
    const path = "/v1/recipient/vera@kontor.example";
    const tag = (await ask(path)).headers.get("etag") ?? "";
    expect((await ask(path, { headers: { "if-none-match": tag } })).status).toBe(304);
    expect((await ask(path, { headers: { "if-none-match": '"other"' } })).status).toBe(200);
  });

  it.each([
    ["no token", "/v1/recipient/vera@kontor.example", { headers: { authorization: "" } }, 401],
    ["a wrong token", "/v1/recipient/vera@kontor.example", { headers: { authorization: "Bearer falsch" } }, 401],
    ["another path", "/v1/recipient/", {}, 404],
    ["no way to list", "/v1/recipients", {}, 405],
    ["a client that is no address", "/v1/recipient/vera@kontor.example?client=here", {}, 400],
    ["broken percent encoding", "/v1/recipient/%zz", {}, 400],
    ["a body that is not JSON", "/v1/recipients", { method: "POST", body: "{" }, 400],
    ["a body of another form", "/v1/recipients", { method: "POST", body: '{"recipients": [5]}' }, 400],
    [
      "too many",
      "/v1/recipients",
      { method: "POST", body: JSON.stringify({ recipients: Array(1001).fill("a@b") }) },
      413,
    ],
    ["too much", "/v1/recipients", { method: "POST", body: "x".repeat(300_000) }, 413],
  ] satisfies [string, string, RequestInit, number][])("refuse %s", async (_, path, request, status) => {
    const response = await ask(path, request);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ error: expect.any(String) });
  });
});
