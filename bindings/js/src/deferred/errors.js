// Why a call could not be deferred: App Engine's names, where it has one. What the fetch itself fails with is thrown as it is, and a
// value of the wrong type is a TypeError.

/** Why a call could not be deferred. */
export class DeferError extends Error {}

/** A variable of the environment is missing or wrong; it is named. */
export class SettingsError extends DeferError {}
/** Options that exclude each other, or have no meaning. */
export class InvalidTaskError extends DeferError {}
export class InvalidTaskNameError extends InvalidTaskError {}
export class InvalidQueueNameError extends InvalidTaskError {}
export class InvalidUrlError extends InvalidTaskError {}
export class InvalidEtaError extends InvalidTaskError {}
/** A task of this name is in the queue. */
export class TaskAlreadyExistsError extends DeferError {}
/** A task of this name was in the queue, not long ago. */
export class TombstonedTaskError extends DeferError {}
export class UnknownQueueError extends DeferError {}
export class TaskTooLargeError extends DeferError {}

/** The service answered otherwise. */
export class ServiceError extends DeferError {
  constructor(status, message) {
    super(`the task service answered ${status}: ${message}`);
    this.status = status;
  }
}

/** What a deferred function throws when it will never succeed: the task is done, and what is said here is logged. */
export class PermanentTaskFailure extends Error {}
/** What a deferred function throws to be tried again, where that is nothing unusual: nothing is logged. */
export class SingularTaskFailure extends Error {}

/** Why a delivery is not believed. */
export class Forgery extends Error {}

// Not by `new.target.name`: bundlers rename classes.
for (const [name, { prototype }] of Object.entries({
  DeferError,
  SettingsError,
  InvalidTaskError,
  InvalidTaskNameError,
  InvalidQueueNameError,
  InvalidUrlError,
  InvalidEtaError,
  TaskAlreadyExistsError,
  TombstonedTaskError,
  UnknownQueueError,
  TaskTooLargeError,
  ServiceError,
  PermanentTaskFailure,
  SingularTaskFailure,
  Forgery,
})) {
  Object.defineProperty(prototype, 'name', { value: name, configurable: true, writable: true });
}
