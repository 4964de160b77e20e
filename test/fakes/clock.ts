/**
 * The clocks of this process, which can be set forward, for days that a test need not wait for. Timers keep their time.
 * They are right until then; whoever imports this has them in place of the usual ones.
 */
const real = { date: Date.now, performance: performance.now.bind(performance) };
let ahead = 0;
// What runs already keeps the function that it was given: it must be this one.
Date.now = () => real.date() + ahead;
performance.now = () => real.performance() + ahead;

/** Sets them forward by so many ms more. Tests at the same time in this process see it too. */
export function setForward(ms: number): void {
  ahead += ms;
}

/** Sets them right again. */
export function setRight(): void {
  ahead = 0;
}
