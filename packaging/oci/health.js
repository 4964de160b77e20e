// Whether a relay of this container answers at its control socket: 0, or 1 with the reason.
import { readdirSync } from "node:fs";
import { connect } from "node:net";

const folder = process.argv[2] ?? "/run/goodmailto";

/** @param {string} why */
function fail(why) {
  process.stdout.write(`${why}\n`);
  process.exit(1);
}

setTimeout(() => fail("no answer in 4 s"), 4000);
const sockets = readdirSync(folder).filter((name) => /^relay-\d+\.sock$/.test(name));
if (sockets.length === 0) {
  fail(`no relay has a socket in ${folder}`);
}
let left = sockets.length;
for (const name of sockets) {
  const socket = connect(`${folder}/${name}`, () => socket.write('{"ask":"status"}\n'));
  socket.once("data", () => process.exit(0));
  // One of a relay that is gone.
  socket.on("error", (error) => (--left === 0 ? fail(error.message) : undefined));
}
