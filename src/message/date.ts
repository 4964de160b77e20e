/** The date of a message. RFC 5322 3.3 and the obsolete forms of 4.3. */

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/** Hours east of Greenwich. Other words say nothing of the zone: RFC 5322 4.3 reads them as -0000. */
const zones: ReadonlyMap<string, number> = new Map([
  ["edt", -4],
  ["est", -5],
  ["cdt", -5],
  ["cst", -6],
  ["mdt", -6],
  ["mst", -7],
  ["pdt", -7],
  ["pst", -8],
]);

const form =
  /^(?:[a-z]{3,9} ?,? ?)?(\d{1,2}) ([a-z]{3})[a-z]{0,6},? (\d{2,4}) (\d{1,2}) ?: ?(\d{2})(?: ?: ?(\d{2}))?(?: (?:([+-])(\d{2})(\d{2})|([a-z]{1,5})))?$/;
const longest = 200;

/** ms since 1970; undefined if it is not a date. @param value unfolded */
export function parseDate(value: string): number | undefined {
  if (value.length > longest) {
    return undefined;
  }
  const text = withoutComments(value).replaceAll(/\s+/g, " ").trim().toLowerCase();
  const match = form.exec(text);
  if (match === null) {
    return undefined;
  }
  const [, day, month = "", year = "", hour, minute, second, sign, hoursEast, minutesEast, word = ""] = match;
  const time = [hour, minute, second ?? "0"].map(Number);
  const at = Date.UTC(fullYear(year), months.indexOf(month), Number(day), time[0], time[1], time[2]);
  const isTime = (time[0] ?? 24) < 24 && (time[1] ?? 60) < 60 && (time[2] ?? 61) <= 60;
  // A day that the month has not would be one of the next month.
  const isDay = months.includes(month) && new Date(at - (time[2] === 60 ? 1000 : 0)).getUTCDate() === Number(day);
  if (!isTime || !isDay) {
    return undefined;
  }
  const east = sign === undefined ? (zones.get(word) ?? 0) * 60 : Number(hoursEast) * 60 + Number(minutesEast);
  return at - (sign === "-" ? -east : east) * 60_000;
}

/** RFC 5322 4.3. */
function fullYear(text: string): number {
  const year = Number(text);
  return text.length === 2 ? year + (year < 50 ? 2000 : 1900) : text.length === 3 ? year + 1900 : year;
}

/** Comments may be nested. */
function withoutComments(text: string): string {
  let depth = 0;
  let out = "";
  for (const character of text) {
    if (character === "(") {
      depth++;
      out += depth === 1 ? " " : "";
    } else if (character === ")" && depth > 0) {
      depth--;
    } else if (depth === 0) {
      out += character;
    }
  }
  return out;
}
