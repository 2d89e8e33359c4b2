// `defer`: a call, and what is said of its task, into a task of the queue.

import { Client } from '../client.js';
import { UrlfetchError } from '../errors.js';
import { ServiceError, TaskAlreadyExistsError, TaskTooLargeError, TombstonedTaskError, UnknownQueueError } from './errors.js';
import { encode } from './functions.js';
import { settings } from './settings.js';
import { ready } from './task.js';

/** Seconds that the task service may take to answer. */
const DEADLINE = 10;
/** How often it is asked, and milliseconds before it is asked again; twice as long before the third time. */
const ATTEMPTS = 3;
const PAUSE = 100;
/** Failures after which asking again may help; whoever asks again has given the task a name. */
const PASSING = ['download', 'deadline-exceeded', 'dns-lookup-failed', 'connection-closed', 'malformed-reply', 'internal-transient'];

export async function defer(called, args = [], options = {}) {
  const body = encode(called, args);
  const set = settings();
  const task = await ready(body, options, set, ownName(), Date.now());
  const isOurs = options.name === undefined || options.name === null;
  await create(new Service(set), task, isOurs ? ATTEMPTS : 1);
  const { queue, name, eta } = task;
  return { queue, name, eta };
}

/** 128 random bits, from the host. */
const ownName = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** The task service, by a client that reaches nothing else. */
class Service {
  #client = new Client();
  #api;
  #headers;

  constructor({ api, token }) {
    this.#api = api;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    this.#client.setAllowedOrigins([api]);
    // Who set the variable may have meant the machine itself.
    this.#client.setAllowPrivate(true);
  }

  get(path) {
    return this.#fetch(path, {});
  }

  post(path, json) {
    return this.#fetch(path, { method: 'POST', payload: JSON.stringify(json), headers: { ...this.#headers, 'content-type': 'application/json' } });
  }

  #fetch(path, request) {
    return this.#client.fetch(`${this.#api}/v2/${path}`, { headers: this.#headers, deadline: DEADLINE, followRedirects: false, ...request });
  }
}

async function create(service, task, attempts) {
  for (let attempt = 1; ; attempt += 1) {
    const failed = await service.post(`${task.queue}/tasks`, task.json).then(outcome, (error) => error);
    if (failed === undefined) return;
    // An attempt before this one was heard: nobody else knows the name.
    if (failed instanceof TaskAlreadyExistsError && attempt > 1) return;
    if (failed instanceof TaskAlreadyExistsError) throw await taken(service, task, failed);
    if (attempt >= attempts || !isPassing(failed)) throw failed;
    await new Promise((resolve) => setTimeout(resolve, PAUSE * 2 ** (attempt - 1)));
  }
}

/** What an answer to create fails with; undefined when it is one of success. */
function outcome(answer) {
  const { status, message } = told(answer);
  if (answer.status >= 200 && answer.status < 300) return undefined;
  if (answer.status === 409) return new TaskAlreadyExistsError('a task of this name is in the queue');
  if (answer.status === 404 && status === 'NOT_FOUND') return new UnknownQueueError('the queue does not exist');
  if (answer.status === 400 && message === 'Task size too large') return new TaskTooLargeError('the task is too large');
  return new ServiceError(answer.status, message);
}

/** What the service says of an error. A proxy says something else. */
function told(answer) {
  try {
    const { status = '', message = '' } = answer.json().error;
    return { status, message };
  } catch {
    return { status: '', message: '' };
  }
}

function isPassing(failed) {
  if (failed instanceof UrlfetchError) return PASSING.includes(failed.kind);
  return failed instanceof ServiceError && (failed.status === 429 || failed.status >= 500);
}

/** Whether the task that has the name is there, or was. */
async function taken(service, task, exists) {
  const found = await service.get(`${task.queue}/tasks/${task.name}`).catch(() => undefined);
  return found?.status === 404 ? new TombstonedTaskError('a task of this name was in the queue before') : exists;
}
