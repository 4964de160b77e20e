/**
 * Signed return paths: addresses that a site writes into MAIL so that it knows its own bounces. What comes back to them
 * is mail for the user behind the tag (BATV: draft-levine-smtp-batv; Barracuda's btv1), or a bounce on its way back to
 * the sender of a forwarded message (SRS). Nothing is verified here: whoever signed them does that.
 */

const batv = /^prvs=[^=@]{1,64}=(.+)$/i;
const barracuda = /^btv1==[^=@]{1,64}==(.+)$/i;
/** `SRS0=hash=day=domain=user`, `SRS1=hash=domain==hash=day=domain=user`; "+" and "-" may stand for the first "=". */
const srs = /^srs(?:0[=+-][^=]+=[^=]+=[^=]+=.+|1[=+-][^=]+=[^=]+=[=+-].+)$/i;

/** The user part without the tag of a signature; undefined if it bears none. */
export function withoutTag(user: string): string | undefined {
  // Every tag has this sign, and most user parts have not.
  return user.includes("=") ? (batv.exec(user) ?? barracuda.exec(user))?.[1] : undefined;
}

/** Whether a user part is a rewritten sender, to which only bounces are sent. */
export function isRewrittenSender(user: string): boolean {
  return user.includes("=") && srs.test(user);
}
