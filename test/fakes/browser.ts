/** Debian's Chromium, driven by playwright-core: one browser for a file of tests, a context of its own for each look. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { chromium } from "playwright-core";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";

const words = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Starts it, in a folder of its own for what it keeps. */
export async function startBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: "/usr/bin/chromium", args: words });
}

/** Something that axe says against a page. */
export interface Complaint {
  readonly id: string;
  readonly where: readonly string[];
}

/**
 * What axe says against the page as it is shown now. The context must bypass the page's own policy (bypassCSP).
 * @param rules these alone; all if there is none
 */
export async function complaintsOf(page: Page, ...rules: readonly string[]): Promise<Complaint[]> {
  await page.evaluate(axe);
  return await page.evaluate(async (only) => {
    const tester = (
      globalThis as unknown as {
        axe: { run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      }
    ).axe;
    const { violations } = await tester.run(only.length === 0 ? {} : { runOnly: only });
    return violations.map(({ id, nodes }) => ({ id, where: nodes.map(({ html }) => html.slice(0, 200)) }));
  }, rules);
}

/** ms for anything that a browser does: machines that run tests are busy. */
const patience = 30_000;

/** A look at something in a context of its own, which is gone then. */
export async function look<T>(
  browser: Browser,
  options: BrowserContextOptions,
  see: (page: Page, context: BrowserContext) => Promise<T>,
): Promise<T> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(patience);
  try {
    return await see(await context.newPage(), context);
  } finally {
    await context.close();
  }
}
