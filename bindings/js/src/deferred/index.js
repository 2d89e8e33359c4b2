// Deferred functions: call one now, and a task queue has it run later, in an instance of its own.

export { DEFAULT_PATH } from './task.js';
export { Handler, Task, checkDelivery } from './handler.js';
export { defer } from './defer.js';
export { deferred } from './functions.js';
export * from './errors.js';
