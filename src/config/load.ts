/** The configuration file to checked settings, or to all its faults at once with file:line:column. */
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

import type * as z from "zod";

import { createDomains } from "../mail/domains.ts";
import { fieldMeta } from "./fields.ts";
import { listenerFaults } from "./listener-faults.ts";
import { replaced } from "./replaced.ts";
import { routeFaults } from "./route-faults.ts";
import type { createSchema, Settings } from "./sections.ts";
import { readToml } from "./toml.ts";
import { transferFaults } from "./transfer-faults.ts";
import type { Fault, TomlFile } from "./toml.ts";

/** A file that passed, or did not. */
export type Loaded =
  | { readonly kind: "ok"; readonly settings: Settings; readonly given: TomlFile }
  | { readonly kind: "faults"; readonly faults: readonly Fault[] };

type Path = readonly PropertyKey[];

/**
 * Reads and checks the file.
 * @param whose the files that a setting names must be readable for this process: "relay", "sync" or both
 */
export function loadConfig(
  file: string,
  schema: ReturnType<typeof createSchema>,
  whose: readonly ("relay" | "sync")[],
): Loaded {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const message = `cannot be read: ${(error as Error).message}`;
    return { kind: "faults", faults: [{ file, line: 1, column: 1, key: "", message }] };
  }
  return checkConfig(text, file, schema, whose);
}

/** As {@link loadConfig}, with the text at hand. Relative paths are taken from the file's folder. */
export function checkConfig(
  text: string,
  file: string,
  schema: ReturnType<typeof createSchema>,
  whose: readonly ("relay" | "sync")[],
): Loaded {
  const toml = readToml(text, file);
  if ("message" in toml) {
    return { kind: "faults", faults: [toml] };
  }
  const fault = (path: Path, message: string): Fault => {
    return { file, ...toml.position(path), key: path.map(String).join("."), message };
  };
  const parsed = schema.safeParse(toml.value);
  const faults = (parsed.error?.issues ?? []).flatMap((issue) => issueFaults(issue, schema, fault));
  const files = fileFields(schema, toml.value, []);
  for (const { path, value, owner, mayBeMissing } of files) {
    const full = resolvePath(file, value);
    const isFine = !whose.includes(owner) || (mayBeMissing && !existsSync(full));
    const problem = isFine ? undefined : unreadable(full);
    if (problem !== undefined) {
      faults.push(fault(path, problem));
    }
  }
  if (parsed.success) {
    faults.push(...relations(parsed.data, fault));
  }
  if (faults.length > 0 || !parsed.success) {
    return { kind: "faults", faults: faults.sort((a, b) => a.line - b.line || a.column - b.column) };
  }
  return { kind: "ok", settings: resolveFiles(parsed.data, schema, file), given: toml };
}

/** A relative path stands for one beside the configuration file. */
export function resolvePath(configFile: string, path: string): string {
  return path === "" ? "" : resolve(dirname(configFile), path);
}

function issueFaults(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  fault: (path: Path, message: string) => Fault,
): Fault[] {
  if (issue.code === "unrecognized_keys") {
    const known = Object.keys(shapeAt(schema, issue.path) ?? {}).join(", ");
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return fault(path, replaced[path.map(String).join(".")] ?? `is no setting; allowed here: ${known}`);
    });
  }
  const meta = metaAt(schema, issue.path);
  const allowed = meta?.allowed === undefined ? "" : `; allowed: ${meta.allowed}`;
  return [fault(issue.path, `${issue.message}${allowed}`)];
}

/** The schema below prefault, optional and the like. */
function bare(type: z.ZodType): z.ZodType {
  const inner = (type as unknown as { def: { innerType?: z.ZodType } }).def.innerType;
  return inner === undefined ? type : bare(inner);
}

function shapeOf(type: z.ZodType): Record<string, z.ZodType> | undefined {
  return (bare(type) as unknown as { def: { shape?: Record<string, z.ZodType> } }).def.shape;
}

function elementOf(type: z.ZodType): z.ZodType | undefined {
  return (bare(type) as unknown as { def: { element?: z.ZodType } }).def.element;
}

function typeAt(schema: z.ZodType, path: Path): z.ZodType | undefined {
  let type: z.ZodType | undefined = schema;
  for (const key of path) {
    type = type === undefined ? undefined : (shapeOf(type)?.[String(key)] ?? elementOf(type));
  }
  return type;
}

function shapeAt(schema: z.ZodType, path: Path): Record<string, z.ZodType> | undefined {
  const type = typeAt(schema, path);
  return type === undefined ? undefined : shapeOf(type);
}

function metaAt(schema: z.ZodType, path: Path): ReturnType<typeof fieldMeta> {
  const type = typeAt(schema, path);
  return type === undefined ? undefined : fieldMeta(type);
}

interface FileField {
  readonly path: Path;
  readonly value: string;
  readonly owner: "relay" | "sync";
  readonly mayBeMissing: boolean;
}

/** Every setting that names a file, as it stands in the file. */
function fileFields(type: z.ZodType, value: unknown, path: Path): FileField[] {
  const { file: owner, mayBeMissing = false } = fieldMeta(type) ?? {};
  if (owner !== undefined) {
    return typeof value === "string" && value !== "" ? [{ path, value, owner, mayBeMissing }] : [];
  }
  const shape = shapeOf(type);
  const element = elementOf(type);
  if (shape !== undefined && typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([key, inner]) => {
      const inside = shape[key];
      return inside === undefined ? [] : fileFields(inside, inner, [...path, key]);
    });
  }
  if (element !== undefined && Array.isArray(value)) {
    return value.flatMap((inner, i) => fileFields(element, inner, [...path, i]));
  }
  return [];
}

/** The settings with the paths of relay files made absolute; the sync job resolves its own, for systemd's credentials. */
function resolveFiles(settings: Settings, schema: z.ZodType, file: string): Settings {
  const copy = structuredClone(settings);
  for (const { path, value, owner } of fileFields(schema, copy, [])) {
    if (owner === "relay") {
      const parent = path.slice(0, -1).reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)[key], copy);
      (parent as Record<PropertyKey, unknown>)[path.at(-1) ?? ""] = resolvePath(file, value);
    }
  }
  const { path, newest_file: newest } = copy.snapshot;
  return {
    ...copy,
    snapshot: { ...copy.snapshot, path: resolvePath(file, path), newest_file: resolvePath(file, newest) },
    recipients: { ...copy.recipients, observe_file: resolvePath(file, copy.recipients.observe_file) },
  };
}

function unreadable(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isDirectory() ? `"${path}" is a folder; allowed: a file` : undefined;
  } catch (error) {
    // systemd hands secrets over by name: they need not lie at the path itself.
    const name = path.slice(path.lastIndexOf("/") + 1);
    const folder = process.env["CREDENTIALS_DIRECTORY"];
    if (
      folder !== undefined &&
      folder !== "" &&
      !path.startsWith(folder) &&
      unreadable(`${folder}/${name}`) === undefined
    ) {
      return undefined;
    }
    return `"${path}" cannot be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}; allowed: a readable file, or "" for none`;
  }
}

/** What one field alone cannot show. */
function relations(settings: Settings, fault: (path: Path, message: string) => Fault): Fault[] {
  const faults: Fault[] = [];
  const attempt = (path: Path, action: () => unknown): void => {
    try {
      action();
    } catch (error) {
      faults.push(fault(path, (error as Error).message));
    }
  };
  for (const [alias, target] of Object.entries(settings.domains.aliases)) {
    attempt(["domains", "aliases", alias], () => createDomains(settings.domains.relay, { [alias]: target }));
  }
  settings.route.forEach(({ domain }, i) => {
    if (settings.route.findIndex((other) => other.domain === domain) < i) {
      faults.push(fault(["route", i, "domain"], `"${domain}" has a route already, above`));
    }
  });
  faults.push(
    ...repeated(
      settings.source.map(({ name }) => name),
      "source",
      fault,
    ),
  );
  faults.push(
    ...repeated(
      settings.listener.map(({ name }) => name),
      "listener",
      fault,
    ),
  );
  settings.source.forEach((source, i) =>
    source.domains.forEach((name, j) => {
      if (!settings.domains.relay.includes(name)) {
        faults.push(
          fault(
            ["source", i, "domains", j],
            `"${name}" is no relay domain; allowed: ${settings.domains.relay.join(", ")}`,
          ),
        );
      }
    }),
  );
  if ((settings.tls.cert === "") !== (settings.tls.key === "")) {
    faults.push(fault(["tls"], "cert and key must be given together"));
  }
  faults.push(...listenerFaults(settings, fault));
  faults.push(...transferFaults(settings, fault));
  faults.push(...routeFaults(settings, fault));
  return faults;
}

function repeated(names: readonly string[], section: string, fault: (path: Path, message: string) => Fault): Fault[] {
  return names.flatMap((name, i) =>
    names.indexOf(name) < i ? [fault([section, i, "name"], `"${name}" is taken by another [[${section}]]`)] : [],
  );
}
