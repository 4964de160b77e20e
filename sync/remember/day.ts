/** How large the list was within the last 24 hours: many small losses in a row come to a large one. */

/** The largest and the smallest number of addresses within an hour. */
export interface HourCount {
  /** Its begin, ms since 1970. */
  readonly hour: number;
  readonly least: number;
  readonly most: number;
}

/** The same of a day. */
export type DayCount = Omit<HourCount, "hour">;

/** Which changes a person has said to be right. */
export interface Accepted {
  readonly acceptShrink?: boolean | undefined;
  readonly acceptGrowth?: boolean | undefined;
}

const hourLength = 3_600_000;
const dayLength = 24 * hourLength;

/** What is remembered of the last 24 hours; undefined: nothing. */
export function countOfDay(hours: readonly HourCount[], now: number): DayCount | undefined {
  const recent = withinDay(hours, now);
  return recent.length === 0
    ? undefined
    : { least: Math.min(...recent.map(({ least }) => least)), most: Math.max(...recent.map(({ most }) => most)) };
}

/** The hours with a list that was published now. What a person has accepted counts from now on. */
export function addCount(
  hours: readonly HourCount[],
  now: number,
  count: number,
  { acceptShrink = false, acceptGrowth = false }: Accepted = {},
): HourCount[] {
  const all = [...withinDay(hours, now), { hour: now - (now % hourLength), least: count, most: count }].map((one) => ({
    hour: one.hour,
    least: acceptGrowth ? Math.max(one.least, count) : one.least,
    most: acceptShrink ? Math.min(one.most, count) : one.most,
  }));
  const [last, before] = [all.at(-1), all.at(-2)];
  return last === undefined || last.hour !== before?.hour
    ? all
    : [
        ...all.slice(0, -2),
        { hour: last.hour, least: Math.min(last.least, before.least), most: Math.max(last.most, before.most) },
      ];
}

/** Reads what was written; whatever else is there is left out. */
export function parseHours(value: unknown): HourCount[] {
  const isHour = (one: unknown): one is HourCount => {
    const { hour, least, most }: Partial<HourCount> = typeof one === "object" ? { ...one } : {};
    return [hour, least, most].every(Number.isSafeInteger);
  };
  return Array.isArray(value) ? value.filter(isHour).slice(-25) : [];
}

/** An hour of the future is a clock that was wrong. */
function withinDay(hours: readonly HourCount[], now: number): HourCount[] {
  return hours.filter(({ hour }) => hour <= now && now - hour < dayLength);
}
