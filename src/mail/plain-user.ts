/** User parts that are their own normal form and name no route: nearly all are, and one look at each sign is enough. */

/** By their code. What is quoted, folded or beyond ASCII, and what may be a route, has others. */
const plainSigns = new Uint8Array(128);
for (const sign of "abcdefghijklmnopqrstuvwxyz0123456789#$&'*+-/=?^_`{|}~.") {
  plainSigns[sign.charCodeAt(0)] = 1;
}

/** The one that was found last: the parser, the lists, the names and the log ask about the same one. */
let latest: string | undefined;

/** Whether it is one; false: who wants to know more must look more closely. */
export function isPlainUser(user: string): boolean {
  if (user === latest) {
    return true;
  }
  for (let at = 0; at < user.length; at++) {
    if (plainSigns[user.charCodeAt(at)] !== 1) {
      return false;
    }
  }
  if (user === "") {
    return false;
  }
  latest = user;
  return true;
}
