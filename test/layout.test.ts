import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

import { describe, expect, it } from "vitest";

import { presets } from "../sync/presets/registry.ts";
import { developmentPage, printDevelopment } from "./print/rooms.ts";
import { printChecks, readChecksPage } from "./print/checks-page.ts";
import { monitoringPage, printMonitoring } from "./print/metrics-page.ts";
import { fromQpsmtpdPage, printFromQpsmtpd } from "./print/from-qpsmtpd-page.ts";
import {
  directoriesPage,
  findPresets,
  presetNamesFile,
  presetsFile,
  printDirectories,
  printPresetNames,
  printPresets,
} from "./print/presets.ts";
import {
  backEndsFile,
  couriersFile,
  findBackEnds,
  findChecks,
  findCouriers,
  printBackEnds,
  printCouriers,
  printRegistry,
  registryFile,
} from "./print/registry.ts";
import { rooms } from "./rooms.ts";

const root = join(import.meta.dirname, "..");

interface Import {
  readonly from: string;
  readonly to: string;
  readonly lazy: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), "utf8");
  const paths = [...text.matchAll(/^(?:import|export)\s[^;]*?from\s+"(\.{1,2}\/[^"]+)"/gms)].map(
    ([, path]) => path ?? "",
  );
  const lazy = [...text.matchAll(/\bimport\("(\.{1,2}\/[^"]+)"\)/g)].map(([, path]) => path ?? "");
  const target = (path: string): string => relative(root, join(root, dirname(file), path));
  return [
    ...paths.map((path) => ({ from: file, to: target(path), lazy: false })),
    ...lazy.map((path) => ({ from: file, to: target(path), lazy: true })),
  ];
}

/** Every circle of files that import each other, types included, as the path that closes it. */
function circlesOf(imports: readonly Import[]): string[] {
  const next = Map.groupBy(imports, ({ from }) => from);
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
    } else if (!done.has(file)) {
      for (const { to } of next.get(file) ?? []) {
        walk(to, [...path, file]);
      }
      done.add(file);
    }
  };
  [...next.keys()].forEach((file) => walk(file, []));
  return circles;
}

/** Texts and patterns on one line. */
const texts = /"(?:[^"\\\n]|\\.)*"|`[^`\n]*`|'[^'\n]*'|\/(?![/*])(?:[^/\\\n]|\\.)+\/[a-z]*/g;

describe("layout", () => {
  const files = globSync("{src,sync}/**/*.ts", { cwd: root });
  const imports = files.flatMap(importsOf);
  const place = new Map(rooms.map(({ folder }, i) => [folder, i]));
  const placeOf = (file: string): number => place.get(dirname(file)) ?? Number.NaN;

  it("has a line in test/rooms.ts for every room, and no other", () => {
    expect([...new Set(files.map((file) => dirname(file)))].toSorted()).toEqual([...place.keys()].toSorted());
  });

  it("lets imports run one way only", () => {
    expect(imports.length).toBeGreaterThan(200);
    expect(imports.filter(({ from, to }) => !(placeOf(to) <= placeOf(from)))).toEqual([]);
  });

  it("has no circle of files", () => {
    expect(circlesOf(imports)).toEqual([]);
  });

  it("finds a circle where there is one", () => {
    const pair = (from: string, to: string): Import => ({ from, to, lazy: false });
    expect(circlesOf([pair("a", "b"), pair("b", "c"), pair("c", "b")])).toEqual(["b → c → b"]);
  });

  it("keeps verbs from importing each other", () => {
    const between = imports.filter(
      ({ from, to }) => dirname(from) === "src/commands" && dirname(to) === "src/commands",
    );
    expect(between).toEqual([]);
  });

  it("lets sync import of the snapshot only what both sides must agree on", () => {
    const paths = (...names: string[]): string[] => names.map((name) => `src/snapshot/${name}.ts`);
    const agreed = paths("format", "keyed", "signature", "content-hash", "rules");
    // The guard by traffic asks lists as the relay does.
    const asking = paths("image", "recipients");
    // The history verifies kept lists as `explain` does.
    const verifying = paths("sealed", "inspect");
    const wrong = imports.filter(
      ({ from, to }) =>
        from.startsWith("sync/") &&
        to.startsWith("src/snapshot/") &&
        !agreed.includes(to) &&
        !(from.startsWith("sync/traffic/") && asking.includes(to)) &&
        !(from.startsWith("sync/remember/") && verifying.includes(to)),
    );
    expect(wrong).toEqual([]);
  });

  it("prints the rooms of docs/development.md (else run: npm run docs)", () => {
    expect(readFileSync(developmentPage, "utf8")).toBe(printDevelopment());
  });

  it("has docs/checks.md as the registry prints it (else run: npm run docs)", () => {
    expect(readChecksPage()).toBe(printChecks());
  });

  it("has the table of docs/monitoring.md as the registry of metrics prints it (else run: npm run docs)", () => {
    expect(readFileSync(monitoringPage, "utf8")).toBe(printMonitoring());
  });

  it("has the table of docs/from-qpsmtpd.md as the import knows it (else run: npm run docs)", () => {
    expect(readFileSync(fromQpsmtpdPage, "utf8")).toBe(printFromQpsmtpd());
  });

  it("prints the registry of checks (else run: npm run docs)", () => {
    expect(findChecks().length).toBeGreaterThanOrEqual(9);
    expect(readFileSync(registryFile, "utf8")).toBe(printRegistry(findChecks()));
  });

  it("prints the registry of back ends (else run: npm run docs)", () => {
    expect(readFileSync(backEndsFile, "utf8")).toBe(printBackEnds(findBackEnds()));
  });

  it("prints the registry of couriers (else run: npm run docs)", () => {
    expect(readFileSync(couriersFile, "utf8")).toBe(printCouriers(findCouriers()));
  });

  it("prints the registry, the names and the table of presets (else run: npm run docs)", async () => {
    const found = findPresets();
    expect(Object.values(presets).map(({ name }) => name)).toEqual(found.map(({ name }) => name));
    expect(readFileSync(presetsFile, "utf8")).toBe(printPresets(found));
    expect(readFileSync(presetNamesFile, "utf8")).toBe(printPresetNames(found));
    expect(readFileSync(directoriesPage, "utf8")).toBe(await printDirectories());
  });

  it("keeps checks from importing each other: a family shares by files of its own that are not checks", () => {
    const checks = new Set(findChecks().map(({ family, name }) => `src/checks/${family}/${name}.ts`));
    const wrong = imports.filter(({ from, to }) => {
      const between = from.startsWith("src/checks/") && to.startsWith("src/checks/");
      return between && from !== "src/checks/registry.ts" && (checks.has(to) || dirname(from) !== dirname(to));
    });
    expect(wrong).toEqual([]);
  });

  it("keeps LDAP code out of everything that the relay loads", () => {
    const speaksLdap = files.filter((file) => /from "ldapts/.test(readFileSync(join(root, file), "utf8")));
    expect(speaksLdap.every((file) => file.startsWith("sync/") || file.startsWith("src/demo/"))).toBe(true);
    const reached = new Set<string>(["src/main.ts", "src/commands/serve.ts"]);
    for (const file of reached) {
      for (const { to, lazy } of importsOf(file)) {
        // What is loaded on demand is another verb's.
        if (!lazy) {
          reached.add(to);
        }
      }
    }
    expect([...reached].filter((file) => file.startsWith("sync/") || file.startsWith("src/demo/"))).toEqual([]);
    // The page's thread reads what the sync remembers, and asks no directory.
    const thread = new Set<string>(["src/web/thread.ts"]);
    for (const file of thread) {
      importsOf(file).forEach(({ to }) => thread.add(to));
    }
    expect([...thread].filter((file) => speaksLdap.includes(file))).toEqual([]);
    expect([...reached].filter((file) => file.startsWith("src/web/"))).toEqual(["src/web/start.ts"]);
  });

  it("has nothing in its rooms but code", () => {
    const others = globSync("{src,sync}/**/*", { cwd: root, withFileTypes: true })
      .filter((one) => one.isFile() && !/\.(?:ts|js|sh)$/.test(one.name))
      .map(({ name }) => name);
    expect(others).toEqual([]);
  });

  it("has no file without a first line that says what it answers", () => {
    const silent = files.filter((file) => !readFileSync(join(root, file), "utf8").startsWith("/**"));
    expect(silent).toEqual([]);
  });

  it("has no comment that points elsewhere for what it says, and none in the words that the project has dropped", () => {
    const dropped = /see the file's first line|\bof before\b|\banew\b|\bgoes on serving\b|\bepisode\b/i;
    const found = files.flatMap((file) =>
      readFileSync(join(root, file), "utf8")
        .split("\n")
        .filter((line) => /^\s*(?:\/\/|\/?\*)/.test(line) && dropped.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
    expect(found).toEqual([]);
  });

  it("has no cast without a reason in the five lines above it, `as const` aside", () => {
    const bare = files.flatMap((file) => {
      const lines = readFileSync(join(root, file), "utf8").split("\n");
      const isReason = (line: string): boolean => /^\s*(?:\/\/|\/?\*)/.test(line);
      return lines.flatMap((line, i) => {
        const code = isReason(line) || /^(?:import|export)\b.*\bfrom "/.test(line) ? "" : line.replaceAll(texts, "");
        const isCast = / as (?:[A-Z({["]|(?:keyof|typeof|readonly|unknown|never|object|string|number|boolean)\b)/.test(
          code.replace(/\s\/\/.*$/, ""),
        );
        return isCast && !lines.slice(Math.max(0, i - 5), i).some(isReason) ? [`${file}:${i + 1}: ${line.trim()}`] : [];
      });
    });
    expect(bare).toEqual([]);
  });

  it("has no file beyond 250 lines, blank ones aside", () => {
    const long = files.filter(
      (file) =>
        readFileSync(join(root, file), "utf8")
          .split("\n")
          .filter((line) => line.trim() !== "").length > 250,
    );
    expect(long).toEqual([]);
  });
});

describe("package-lock.json", () => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { engines?: unknown; resolved?: string }>;
  };

  // npm measures `engines` against the Node that runs npm, but our packages run under the Node 24 that they bring. On
  // Node 20 npm prints a warning for each, on 18 it leaves the linter's and the test runner's native parts out.
  it("asks nothing of the Node that runs npm: after a change of packages, `npm run lock`", () => {
    const asking = Object.entries(packages).filter(([, { engines }]) => engines !== undefined);
    expect(asking.map(([name, { engines }]) => [name, engines])).toEqual([["", { node: ">=18" }]]);
  });

  it("names no registry", () => {
    expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
  });
});
