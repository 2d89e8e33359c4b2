// Time, as the floor below tells it: instants in seconds, and timers that are lent to a wait.

import * as floor from '#floor';

/** What the floor ends a resource's life by: older engines have no symbol of that name. */
const dispose = Symbol.dispose ?? Symbol.for('dispose');
/** More than a hundred years: what a timer of 64 bits of nanoseconds can hold. */
const FOREVER = 4e9;

/** Seconds since some instant. */
export const seconds = () => Number(floor.now()) / 1e9;

/** Calls `wait` with a timer that is ready so many seconds later, or with undefined when there is no such time. */
export function withTimer(after, wait) {
  if (after === undefined) return wait(undefined);
  const timer = floor.subscribeDuration(BigInt(Math.round(Math.min(Math.max(after, 0), FOREVER) * 1e9)));
  try {
    return wait(timer);
  } finally {
    timer[dispose]?.();
  }
}
