/** The status page in a real browser: a real relay, real sessions of mail, Debian's Chromium. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { complaintsOf, look, startBrowser } from "../fakes/browser.ts";
import { missing } from "../fakes/need.ts";
import { attempt, beHostile } from "./hostile.ts";
import { password, startSite, token, user } from "./site.ts";
import type { Site } from "./site.ts";

describe.skipIf(missing("chromium"))("the status page in a browser", () => {
  let site: Site;
  let browser: Browser;
  beforeAll(async () => {
    const hop = { recipients: { "max@kontor.example": `550 5.1.1 ${attempt("hop")}` } };
    [site, browser] = await Promise.all([startSite({ hop }), startBrowser()]);
  }, 60_000);
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
    await look(browser, {}, async (page) => {
      await page.goto(`${site.url}/login`);
      await page.getByLabel("Account").fill(user);
      await page.getByLabel("Password").fill("wrong");
      await page.getByRole("button", { name: "Log in", exact: true }).click();
      await page.getByRole("alert").waitFor();
      await page.getByLabel("Token").fill(token);
      await page.getByRole("button", { name: "Log in by token" }).click();
      await page.getByRole("heading", { name: "Overview" }).waitFor();
    });
  });

  it("shows what strangers wrote as text, and fits into 360 pixels", async () => {
    await beHostile(site.port);
    await look(browser, { viewport: { width: 360, height: 760 } }, async (page) => {
      await logIn(page);
      await expect
        .poll(async () => (await page.goto(`${site.url}/journal`), await page.getByText("<svg/onload").count()), {
          timeout: 10_000,
        })
        .toBeGreaterThan(0);
      for (const path of [
        "/journal",
        "/",
        "/list",
        "/hops",
        "/checks",
        "/lookups",
        "/observe",
        "/alerts",
        "/difference?older=/etc/passwd",
        "/explain?address=%3Cscript%3Ewindow.hacked=1%3C/script%3E",
      ]) {
        await page.goto(site.url + path);
        expect(await page.evaluate("window.hacked")).toBeUndefined();
        expect(await page.locator("main img, main script, main svg[onload]").count()).toBe(0);
        expect(await page.evaluate("document.documentElement.scrollWidth"), path).toBeLessThanOrEqual(360);
      }
    });
  });

  it("has nothing that axe complains of, in light and dark", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      await look(browser, { bypassCSP: true, colorScheme }, async (page) => {
        await page.goto(`${site.url}/login`);
        expect(await complaintsOf(page)).toEqual([]);
        await logIn(page);
        expect(await complaintsOf(page)).toEqual([]);
      });
    }
  });
});
