// SIGHUP while the program still loads: it would end a process that has no handler yet. Imported before anything else,
// and plain JavaScript, because Node needs twice the time until it runs a first line of TypeScript.
// What such a signal asks for is done anyway: the configuration is read later than this.

/** The verbs that read their configuration again at SIGHUP. Any other ends at it, as a program on a terminal should. */
const [, , verb, ...words] = process.argv;
export const reloads = verb === "serve" || verb === "deliverabled" || verb === "scim" || words.includes("--cron");

if (reloads) {
  process.on("SIGHUP", () => {});
}
