/** Links between the pages lead somewhere: to a file of the repository, and to a heading in it. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const pages = ["README.md", "CHANGELOG.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)];

/** A page without its code blocks. */
function proseOf(page: string): string {
  return readFileSync(join(root, page), "utf8").replace(/^```.*?^```$/gms, "");
}

/** The anchors that GitHub makes of the headings. */
function anchorsOf(page: string): Set<string> {
  const headings = [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) => text);
  return new Set(
    headings.map((text) =>
      text
        .toLowerCase()
        .replace(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
}

describe("the pages", () => {
  it.each(pages)("link only to what is there: %s", (page) => {
    const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    const broken = links.filter((link) => {
      if (/^https?:/.test(link)) {
        return false;
      }
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path);
      return !existsSync(join(root, target)) || (anchor !== undefined && !anchorsOf(target).has(anchor));
    });
    expect(broken).toEqual([]);
  });

  it("are all linked from the README", () => {
    const readme = proseOf("README.md");
    expect(pages.filter((page) => page !== "README.md" && !readme.includes(`](${page})`))).toEqual([]);
  });

  it.each(pages)("name only tests that exist: %s", (page) => {
    const named = [...readFileSync(join(root, page), "utf8").matchAll(/\btest\/[\w/-]+\.(?:test\.)?ts\b/g)];
    // The test that the reader of the plugins page would write is not here.
    const missing = named.map(([path]) => path).filter((path) => !existsSync(join(root, path)));
    expect(missing.filter((path) => path !== "test/checks/client/ownname.test.ts")).toEqual([]);
  });

  it("are the only ones that code, units and tests name", () => {
    const folders = ["src", "sync", "config", "systemd", "test"];
    const files = folders.flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`),
    );
    const named = files
      .filter((name) => /\.(?:ts|toml|service|socket|timer)$/.test(name))
      .flatMap((name) =>
        [...readFileSync(join(root, name), "utf8").matchAll(/\bdocs\/[\w-]+\.md\b/g)].map(
          ([page]) => `${name}: ${page}`,
        ),
      );
    expect(named.filter((line) => !pages.includes(line.split(": ")[1] ?? ""))).toEqual([]);
  });
});
