/** The settings that name files: whether each can be read, and its path made absolute. */
import { accessSync, constants, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

import type * as z from "zod";

import { credentialFor } from "../files/credentials.ts";
import { fileErrorMessage } from "../report/error-message.ts";
import type { FieldMeta, FileOwner } from "./field-meta.ts";
import { fieldMeta } from "./fields.ts";
import { lately } from "./late.ts";
import type { Settings } from "./sections.ts";
import { elementOf, isLate, shapeOf, valueAt } from "./shape.ts";
import type { Path } from "./shape.ts";

/** A relative path stands for one beside the configuration file. */
export function resolvePath(configFile: string, path: string): string {
  return path === "" ? "" : resolve(dirname(configFile), path);
}

/** A setting that names a file. */
export interface FileField {
  readonly path: Path;
  readonly value: string;
  readonly owner: FileOwner;
  readonly mayBeMissing: boolean;
}

/** Every setting that names a file, as it is in the file. */
export function fileFields(type: z.ZodType, value: unknown, path: Path): FileField[] {
  const { file: owner, mayBeMissing = false } = fieldMeta(type) ?? {};
  if (owner !== undefined) {
    return typeof value === "string" && value !== "" ? [{ path, value, owner, mayBeMissing }] : [];
  }
  const shape = shapeOf(type);
  const element = elementOf(type);
  if (shape !== undefined && typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([key, inner]) => {
      const inside = Object.hasOwn(shape, key) ? shape[key] : undefined;
      return inside === undefined ? [] : fileFields(inside, inner, [...path, key]);
    });
  }
  if (element !== undefined && Array.isArray(value)) {
    return value.flatMap((inner, i) => fileFields(element, inner, [...path, i]));
  }
  return [];
}

/**
 * The settings with the paths of files made absolute; the sync job resolves its own, for systemd's credentials.
 */
export function resolveFiles(settings: Settings, schema: z.ZodType, file: string): Settings {
  // They stay those of the schema.
  const resolved = withPaths(schema, settings, (path) => resolvePath(file, path)) as Settings;
  const section = (key: string): unknown =>
    key === "control" ? searched(file, resolved.control) : valueAt(resolved, [key]);
  return lately(Object.keys(settings), section) as unknown as Settings;
}

/** Where lists are looked for: in the folder of the configuration first, and what web servers have last. */
function searched(file: string, control: Settings["control"]): Settings["control"] {
  const folders = [dirname(resolve(file)), ...control.folders];
  return { ...control, folders: control.urls.length > 0 ? [...folders, control.cache] : folders };
}

/** The value with the paths in it made absolute. */
function withPaths(type: z.ZodType, value: unknown, absolute: (path: string) => string): unknown {
  const meta = fieldMeta(type);
  if (meta !== undefined) {
    return typeof value === "string" || Array.isArray(value) ? eachPath(meta, value, absolute) : value;
  }
  const shape = shapeOf(type);
  if (shape !== undefined && typeof value === "object" && value !== null) {
    const inner = (key: string): unknown => {
      const within = valueAt(value, [key]);
      // A section that may be there several times, and is not: its type need not be made.
      const isEmpty = Array.isArray(within) && within.length === 0;
      const own = !isEmpty && Object.hasOwn(shape, key) ? shape[key] : undefined;
      return own === undefined ? within : withPaths(own, within, absolute);
    };
    const keys = Object.keys(value);
    return isLate(type) ? lately(keys, inner) : Object.fromEntries(keys.map((key) => [key, inner(key)]));
  }
  const element = elementOf(type);
  return element !== undefined && Array.isArray(value)
    ? value.map((inner: unknown) => withPaths(element, inner, absolute))
    : value;
}

/** One path, or a list of them. A list that is named without a folder is looked for in [control] folders. */
function eachPath(meta: FieldMeta, value: string | readonly unknown[], absolute: (path: string) => string): unknown {
  const { file, mayBeMissing = false, isPlace = false } = meta;
  if (!isPlace && (file === undefined || file === "sync")) {
    return value;
  }
  const resolved = (path: unknown): unknown =>
    typeof path === "string" && !(mayBeMissing && !path.includes("/")) ? absolute(path) : path;
  return typeof value === "string" ? resolved(value) : value.map(resolved);
}

/** Why a file cannot be read; undefined if it can. */
export function unreadable(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isDirectory() ? `"${path}" is a folder; allowed: a file` : undefined;
  } catch (error) {
    const credential = credentialFor(path);
    if (credential !== undefined && unreadable(credential) === undefined) {
      return undefined;
    }
    return `"${path}" cannot be read: ${fileErrorMessage(error)}; allowed: a readable file, or "" for none`;
  }
}
