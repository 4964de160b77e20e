/** The first exchange of a connection: what the milter may do, and what it wants to get. */
import { actions, allOf, version, wishes } from "./bits.ts";
import { offer } from "./commands.ts";
import { macroMoments } from "./macros.ts";
import type { MacroMoment } from "./macros.ts";
import type { Packet } from "./packet.ts";

/** The oldest version that is understood. */
const oldest = 2;

/** What was agreed on. */
export interface Agreement {
  may(action: keyof typeof actions): boolean;
  wants(wish: keyof typeof wishes): boolean;
  /** The macros that the milter has chosen for a moment. */
  readonly macros: ReadonlyMap<MacroMoment, readonly string[]>;
}

/** Everything that this side can do. */
export const offered: Buffer = offer(version, allOf(actions), allOf(wishes));

/** Reads the milter's answer. @throws Error if it is none, or wants what was not offered */
export function readAgreement({ letter, data }: Packet): Agreement {
  if (letter !== "O" || data.length < 12) {
    throw new Error(`no negotiation, but ${JSON.stringify(letter)}`);
  }
  const [its, may, wants] = [data.readUInt32BE(0), data.readUInt32BE(4), data.readUInt32BE(8)];
  if (its < oldest || its > version) {
    throw new Error(`version ${its} of the protocol`);
  }
  const [alien, unknown] = [(may & ~allOf(actions)) >>> 0, (wants & ~allOf(wishes)) >>> 0];
  if (alien !== 0 || unknown !== 0) {
    throw new Error(`it wants what was not offered: actions 0x${alien.toString(16)}, steps 0x${unknown.toString(16)}`);
  }
  return {
    may: (action) => (may & actions[action]) !== 0,
    wants: (wish) => (wants & wishes[wish]) !== 0,
    macros: chosenIn(data.subarray(12)),
  };
}

/** Lists of names: the number of a moment, and a text with blanks between the names. */
function chosenIn(data: Buffer): ReadonlyMap<MacroMoment, readonly string[]> {
  const chosen = new Map<MacroMoment, readonly string[]>();
  for (let at = 0; at + 4 < data.length;) {
    const moment = macroMoments[data.readUInt32BE(at)];
    const end = data.indexOf(0, at + 4);
    if (end < 0) {
      throw new Error("half a list of macros");
    }
    if (moment !== undefined) {
      const names = data.toString("latin1", at + 4, end).split(/[\s,]+/);
      chosen.set(
        moment,
        names.filter((name) => name !== ""),
      );
    }
    at = end + 1;
  }
  return chosen;
}
