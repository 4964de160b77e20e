/** Settings that name something of this machine which is not there, or not as it must be: folders, programs, addresses, secrets. */
import { accessSync, constants, statSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { delimiter, dirname, isAbsolute, join } from "node:path";

import type * as z from "zod";

import { backEnds } from "../auth/backends/registry.ts";
import { placeOf, valuesOf } from "../config/back-ends.ts";
import { fieldMeta } from "../config/fields.ts";
import { listenersOf } from "../config/listening.ts";
import { parseSink } from "../config/logging.ts";
import type { Settings } from "../config/sections.ts";
import { elementOf, shapeOf } from "../config/shape.ts";
import type { Warning } from "../config/warning.ts";
import { couriers } from "../couriers/registry.ts";
import { parseLookupPlace } from "../mail/lookup-place.ts";
import { normalIp, parseEndpoint } from "../mail/network.ts";
import { secretPath } from "../files/credentials.ts";
import { isReadableByAll } from "./certificates.ts";
import { sectionsOfChecks } from "./check-sections.ts";
import type { CheckSection } from "./check-sections.ts";

/** Where the defaults are: systemd makes these folders when a unit starts. */
const madeAtStart: ReadonlySet<string> = new Set([
  "/run/goodmailto",
  "/var/lib/goodmailto",
  "/var/lib/goodmailto-relay",
  "/var/lib/goodmailto-traffic",
]);

/** Folders of files that the relay writes, of its Unix sockets, and the snapshot's, which the sync writes. */
export function folderWarnings({ snapshot, recipients, smtp, state, guard, log, lookup }: Settings): Warning[] {
  const written = [
    { path: ["snapshot", "newest_file"], folder: parentOf(snapshot.newest_file) },
    { path: ["snapshot", "served_file"], folder: snapshot.canary === 0 ? "" : parentOf(snapshot.served_file) },
    { path: ["recipients", "observe_file"], folder: parentOf(recipients.observe_file) },
    { path: ["recipients", "asked_file"], folder: parentOf(recipients.asked_file) },
    { path: ["smtp", "status_folder"], folder: smtp.status_folder },
    { path: ["state", "folder"], folder: state.folder },
    { path: ["guard", "traffic_folder"], folder: guard.traffic ? guard.traffic_folder : "" },
    ...lookup.flatMap(({ listen }, i) =>
      listen.map((text, j) => {
        const place = parseLookupPlace(text);
        return { path: ["lookup", i, "listen", j], folder: place?.kind === "unix" ? dirname(place.path) : "" };
      }),
    ),
    ...log.sinks.map((text) => {
      const sink = parseSink(text);
      return { path: ["log", "sinks"], folder: sink?.kind === "file" ? dirname(sink.path) : "" };
    }),
  ];
  return [
    ...written.flatMap(({ path, folder }) => warn(path, folder === "" ? undefined : folderFault(folder, true))),
    ...warn(["snapshot", "path"], folderFault(dirname(snapshot.path), false)),
  ];
}

function parentOf(file: string): string {
  return file === "" ? "" : dirname(file);
}

function warn(path: readonly PropertyKey[], message: string | undefined): Warning[] {
  return message === undefined ? [] : [{ path, message }];
}

function folderFault(folder: string, mustBeWritable: boolean): string | undefined {
  if (madeAtStart.has(folder)) {
    return undefined;
  }
  try {
    if (!statSync(folder).isDirectory()) {
      return `"${folder}" is not a folder`;
    }
  } catch {
    return `the folder "${folder}" is missing`;
  }
  try {
    accessSync(folder, mustBeWritable ? constants.W_OK : constants.R_OK);
    return undefined;
  } catch {
    return `the folder "${folder}" is not ${mustBeWritable ? "writable" : "readable"} for this user`;
  }
}

/** @param value a program and its arguments, or a value that is not a command */
function commandFault(value: unknown): string | undefined {
  return Array.isArray(value) ? programFault(value[0]) : undefined;
}

/** Programs that are to be run later, when nobody watches. */
export function programWarnings({ auth, alert, route, copy }: Settings): Warning[] {
  const commands = couriers.flatMap(({ settings }) =>
    Object.entries(settings)
      .filter(([, type]) => fieldMeta(type)?.isProgram === true)
      .map(([key]) => key),
  );
  return [
    ...Object.entries({ route, copy }).flatMap(([name, sections]) =>
      sections.flatMap((section, i) => commands.flatMap((key) => warn([name, i, key], commandFault(section[key])))),
    ),
    ...backEndSettings(auth, "isProgram").flatMap(({ path, value }) => warn(path, commandFault(value))),
    ...warn(["alert", "command"], programFault(alert.command[0])),
  ];
}

/** The settings of password back ends that are declared to be so. */
function backEndSettings(
  auth: Settings["auth"],
  kind: "isProgram" | "isPrivate",
): { readonly path: PropertyKey[]; readonly value: unknown }[] {
  return backEnds.flatMap((backEnd) =>
    Object.entries(backEnd.settings)
      .filter(([, type]) => fieldMeta(type)?.[kind] === true)
      .map(([key]) => ({ path: placeOf(backEnd, key), value: valuesOf(backEnd, auth)[key] })),
  );
}

function programFault(program: string | undefined): string | undefined {
  if (program === undefined || program === "") {
    return undefined;
  }
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const places = isAbsolute(program) || program.includes("/") ? [program] : folders.map((one) => join(one, program));
  return places.some(isProgram) ? undefined : `the program "${program}" is missing or not executable`;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function placeOfSecret(name: string, folder: string): string {
  return name === "" ? "" : secretPath(name, folder);
}

const sourceSecrets = ["password_file", "client_secret_file", "certificate_file", "key_file"] as const;

/** Files with secrets that every user of the machine may read. @param folder where those of the sync begin */
export function secretWarnings(settings: Settings, folder = ""): Warning[] {
  const { tls, auth, snapshot, pull, source, publish, scim } = settings;
  const files = [
    ...sectionsOfChecks(settings).flatMap(privateFiles),
    { path: ["tls", "key"], file: tls.key },
    ...backEndSettings(auth, "isPrivate").map(({ path, value }) => ({ path, file: String(value) })),
    { path: ["snapshot", "key_file"], file: snapshot.key_file },
    { path: ["snapshot", "signing_key_file"], file: placeOfSecret(snapshot.signing_key_file, folder) },
    { path: ["pull", "password_file"], file: pull.password_file },
    ...source.flatMap((one, i) =>
      sourceSecrets.map((key) => ({ path: ["source", i, key], file: placeOfSecret(one[key], folder) })),
    ),
    ...publish.map(({ password_file: file }, i) => ({
      path: ["publish", i, "password_file"],
      file: placeOfSecret(file, folder),
    })),
    { path: ["web", "token_file"], file: settings.web.token_file },
    ...settings.lookup.map(({ token_file: file }, i) => ({ path: ["lookup", i, "token_file"], file })),
    ...(["route", "copy"] as const).flatMap((name) =>
      settings[name].flatMap((section, i) =>
        secretsOfCourier(section).map(([key, file]) => ({ path: [name, i, key], file })),
      ),
    ),
    { path: ["state", "password_file"], file: settings.state.password_file },
    { path: ["state", "sentinel_password_file"], file: settings.state.sentinel_password_file },
    { path: ["scim", "token_file"], file: scim.token_file },
    { path: ["scim", "key"], file: scim.key },
  ];
  return files.flatMap(({ path, file }) =>
    warn(path, isOpen(file) ? `"${file}" can be read by every user: chmod o= ${file}` : undefined),
  );
}

/** The files of a route's courier. */
function secretsOfCourier(section: Readonly<Record<string, unknown>>): readonly (readonly [string, string])[] {
  return couriers.flatMap(({ settings }) =>
    Object.entries(settings)
      .filter(([key, type]) => fieldMeta(type)?.isPrivate === true && typeof section[key] === "string")
      .map(([key]) => [key, String(section[key])] as const),
  );
}

/** Of a check, in sections within its own. */
function privateFiles({
  check,
  path,
  values,
}: CheckSection): { readonly path: PropertyKey[]; readonly file: string }[] {
  return Object.entries(check.settings).flatMap(([list, type]) => {
    const shape = shapeOf(elementOf(type) ?? type) ?? {};
    const keys = Object.keys(shape).filter((key) => fieldMeta(shape[key] as z.ZodType)?.isPrivate === true);
    // The schema has made a table of texts of each.
    const entries = keys.length === 0 ? [] : (values[list] as readonly Readonly<Record<string, string>>[]);
    return entries.flatMap((entry, i) =>
      keys.map((key) => ({ path: [...path, list, i, key], file: entry[key] ?? "" })),
    );
  });
}

function isOpen(file: string): boolean {
  try {
    return file !== "" && isReadableByAll(file);
  } catch {
    // Reported elsewhere, as an error.
    return false;
  }
}

/** Addresses to listen on that this machine does not have. */
export function addressWarnings(settings: Settings): Warning[] {
  const own = new Set(
    Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => normalIp(address))),
  );
  const path = settings.listener.length > 0 ? "listener" : "smtp";
  const places = [
    ...listenersOf(settings).map(({ listen }, i) => ({ path: path === "smtp" ? [path] : [path, i], listen })),
    ...settings.lookup.map(({ listen }, i) => ({ path: ["lookup", i], listen })),
  ];
  return places.flatMap(({ path: section, listen }) =>
    listen.flatMap((place) => {
      const host = parseEndpoint(place)?.host ?? "";
      const isNumber = /^[\d.]+$/.test(host) || host.includes(":");
      const isAny = host === "0.0.0.0" || host === "::";
      const isForeign = isNumber && !isAny && !host.startsWith("127.") && !own.has(normalIp(host));
      return warn([...section, "listen"], isForeign ? `this machine does not have the address ${host}` : undefined);
    }),
  );
}
