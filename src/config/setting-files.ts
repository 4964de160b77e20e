/** The settings that name files: whether each can be read, and its path made absolute. */
import { accessSync, constants, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

import type * as z from "zod";

import { credentialFor } from "../files/credentials.ts";
import { fileErrorMessage } from "../report/error-message.ts";
import type { FileOwner } from "./field-meta.ts";
import { fieldMeta } from "./fields.ts";
import type { Settings } from "./sections.ts";
import { elementOf, shapeOf, valueAt } from "./shape.ts";
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
  const copy = structuredClone(settings);
  for (const { path, value, owner, mayBeMissing } of fileFields(schema, copy, [])) {
    // A list that is named without a folder is looked for in [control] folders.
    if (owner !== "sync" && !(mayBeMissing && !value.includes("/"))) {
      const parent = valueAt(copy, path.slice(0, -1));
      if (typeof parent === "object" && parent !== null) {
        Reflect.set(parent, path.at(-1) ?? "", resolvePath(file, value));
      }
    }
  }
  const { path, newest_file: newest, served_file: served } = copy.snapshot;
  return {
    ...copy,
    smtp: { ...copy.smtp, status_folder: resolvePath(file, copy.smtp.status_folder) },
    snapshot: {
      ...copy.snapshot,
      path: resolvePath(file, path),
      newest_file: resolvePath(file, newest),
      served_file: resolvePath(file, served),
    },
    checks: { ...copy.checks, load: copy.checks.load.map((path) => resolvePath(file, path)) },
    control: controlOf(file, copy.control),
    scim: { ...copy.scim, folder: resolvePath(file, copy.scim.folder) },
    recipients: {
      ...copy.recipients,
      observe_file: resolvePath(file, copy.recipients.observe_file),
      asked_file: resolvePath(file, copy.recipients.asked_file),
    },
  };
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

/** The folder of the configuration comes first, what web servers have last. */
function controlOf(file: string, control: Settings["control"]): Settings["control"] {
  const cache = resolvePath(file, control.cache);
  const folders = [dirname(resolve(file)), ...control.folders.map((folder) => resolvePath(file, folder))];
  return { ...control, cache, folders: control.urls.length > 0 ? [...folders, cache] : folders };
}
