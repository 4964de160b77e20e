/** "2026-03-01T14:30:00.000Z": ISO 8601, in UTC. @param time ms since 1970 */
export function iso(time: number): string {
  return new Date(time).toISOString();
}
