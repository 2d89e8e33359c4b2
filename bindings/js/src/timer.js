// Time, as the floor below tells it: instants in seconds, and timers that are lent to a wait.

import * as floor from '#floor';

/** What the floor ends a resource's life by: older engines have no symbol of that name. */
const dispose = Symbol.dispose ?? Symbol.for('dispose');
/** More than a hundred years, and less than what 64 bits of nanoseconds hold. */
const FOREVER = 4e9;

/** Seconds since some instant. */
export const seconds = () => Number(floor.now()) / 1e9;

/** A timer that is ready so many seconds from now. It stays ready. */
export const newTimer = (after) => floor.subscribeDuration(BigInt(Math.round(Math.min(Math.max(after, 0), FOREVER) * 1e9)));

export const dropTimer = (timer) => timer[dispose]?.();
