/** Who decides where several back ends are asked, and what is counted as a guess. */
import { describe, expect, it } from "vitest";

import type { BackEnd, BackEndAnswer } from "../../src/auth/backends/contract.ts";
import { askChain } from "../../src/auth/chain.ts";
import type { Link } from "../../src/auth/chain.ts";

const login = { user: "alice@kontor.example", password: "open sesame", ip: "192.0.2.1" };

describe("order of back ends", () => {
  const asked: string[] = [];
  const link = (name: string, check: BackEnd["check"]): Link => ({
    name,
    timeout: 200,
    backEnd: {
      check: (...given) => {
        asked.push(name);
        return check(...given);
      },
    },
  });
  const says = (name: string, answer: BackEndAnswer): Link => link(name, () => Promise.resolve(answer));
  const accepts = says("accepts", { kind: "accepted" });
  const refuses = says("refuses", { kind: "refused" });
  const stranger = says("stranger", { kind: "unknown" });
  const away = says("away", { kind: "unavailable", why: "no socket" });

  async function ask(...chain: Link[]): Promise<{ answer: unknown; asked: string[]; told: string[] }> {
    asked.length = 0;
    const told: string[] = [];
    const answer = await askChain(chain, login, (why) => told.push(why));
    return { answer, asked: [...asked], told };
  }

  it("asks the next one only about users that the one before does not know", async () => {
    expect(await ask(stranger, accepts, refuses)).toEqual({
      answer: { kind: "accepted" },
      asked: ["stranger", "accepts"],
      told: [],
    });
    expect(await ask(refuses, accepts)).toMatchObject({ answer: { kind: "refused" }, asked: ["refuses"] });
    expect(await ask(stranger, stranger)).toMatchObject({ answer: { kind: "refused" } });
  });

  it("lets the next one accept while one is away, and says so; a refusal behind it is no 535, but a guess", async () => {
    expect(await ask(away, accepts)).toEqual({
      answer: { kind: "accepted" },
      asked: ["away", "accepts"],
      told: ["away: no socket"],
    });
    const unavailable = { kind: "unavailable", why: "away: no socket" };
    expect(await ask(away, refuses)).toMatchObject({ answer: { ...unavailable, isGuess: true } });
    expect(await ask(stranger, away, stranger)).toMatchObject({ answer: { ...unavailable, isGuess: false } });
    expect(await ask(away, away)).toMatchObject({ answer: { why: "away: no socket; away: no socket" } });
  });

  it("takes a throw, a rejection and silence for a back end that is away, and hides a password in its words", async () => {
    const throws = link("throws", () => {
      throw new Error("bug");
    });
    const rejects = link("rejects", () => Promise.reject(new Error("no route")));
    const tells = link("tells", () => Promise.reject(new Error('near "open sesame"')));
    const hangs = link("hangs", () => new Promise(() => undefined));
    const { answer } = await ask(throws, rejects, tells, hangs);
    expect(answer).toEqual({
      kind: "unavailable",
      isGuess: false,
      why: "throws: bug; rejects: no route; tells: its words hold the password; hangs: no answer within 200 ms",
    });
  });

  it("asks nobody about an empty password, or one with a NUL that would be cut off on its way", async () => {
    for (const password of ["", "open sesame\0x", "\0"]) {
      asked.length = 0;
      expect(await askChain([accepts], { ...login, password }, () => undefined)).toEqual({ kind: "refused" });
      expect(asked).toEqual([]);
    }
  });

  it("tells a back end when its time is over", async () => {
    let aborted = false;
    const hangs = link("hangs", (_, signal) => {
      signal.addEventListener("abort", () => (aborted = true));
      return new Promise(() => undefined);
    });
    await ask(hangs);
    expect(aborted).toBe(true);
  });
});
