/** Start-up self-check: the parts of smtp-server that are overridden are still there. The exact version is pinned. */
import { SMTPServer } from "smtp-server";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";

const connectionMethods = [
  "init",
  "send",
  "close",
  "upgrade",
  "_createParser",
  "_setListeners",
  "_armTimeout",
  "_onClose",
  "_onError",
  "_whenWritable",
];
const serverMethods = [
  "connect",
  "updateSecureContext",
  "_acceptSocket",
  "_expectsProxyHeader",
  "_handleProxy",
  "_upgrade",
];
const streamMethods = ["_write", "_feedDataStream", "_flushData"];

/** @throws Error that names what is missing: nothing is served then */
export function checkLibrary(): void {
  const missing = [
    ...absent("SMTPConnection", SMTPConnection.prototype, connectionMethods),
    ...absent("SMTPServer", SMTPServer.prototype, serverMethods),
    ...absent("SMTPStream", SMTPStream.prototype, streamMethods),
  ];
  if (missing.length > 0) {
    throw new Error(`Cannot serve with this smtp-server: it lacks ${missing.join(", ")}`);
  }
}

function absent(name: string, prototype: object, methods: readonly string[]): string[] {
  return methods
    .filter((method) => typeof Reflect.get(prototype, method) !== "function")
    .map((method) => `${name}.${method}`);
}
