// The handler: a delivery, checked, run, and what came of it as an answer for the queue.

import { HEADER, canonical } from './envelope.js';
import { Forgery, PermanentTaskFailure, SettingsError, SingularTaskFailure } from './errors.js';
import { run } from './functions.js';
import { keys } from './settings.js';

const QUEUE = 'X-CloudTasks-QueueName';
const TASK = 'X-CloudTasks-TaskName';

/** A task of this application, which was checked to be that. */
export class Task {
  constructor(queue, name, headers, body) {
    this.queue = queue;
    this.name = name;
    this.headers = headers;
    this.body = body;
  }

  get retryCount() {
    const told = this.headers.get('X-CloudTasks-TaskRetryCount');
    return /^[0-9]+$/.test(told ?? '') ? Number(told) : undefined;
  }

  get eta() {
    const told = this.headers.get('X-CloudTasks-TaskETA');
    return /^[0-9]+(\.[0-9]*)?$/.test(told ?? '') ? new Date(Number(told) * 1000) : undefined;
  }
}

/** The task that a delivery is. Of its body only the checksum is looked at. */
export async function checkDelivery(request) {
  const known = keys();
  const { headers } = request;
  // One that is there twice comes as "a, b", which is the value of none.
  const only = (name) => {
    const value = headers.get(name);
    if (value === null) throw new Forgery(`no header ${name}`);
    return value;
  };
  const [queue, name, envelope] = [only(QUEUE), only(TASK), only(HEADER)];
  const { pathname, search } = new URL(request.url);
  const body = new Uint8Array(await request.arrayBuffer());
  const sealed = {
    queue,
    task: name,
    method: request.method,
    path: canonical(pathname + search),
    contentType: headers.get('Content-Type') ?? '',
    body,
  };
  await known.check(envelope, sealed, Date.now() / 1000);
  return new Task(queue, name, headers, body);
}

/** What answers deliveries, at the default path or one of its own. */
export class Handler {
  /** Makes the call of a task. */
  run(task) {
    return run(task.body);
  }

  /** Answers a POST. */
  async post(request) {
    let task;
    try {
      task = await checkDelivery(request);
    } catch (error) {
      if (!(error instanceof Forgery || error instanceof SettingsError)) throw error;
      console.error(`deferred: refused: ${error.message}`);
      // Who may be a stranger is not told why.
      return answer(403, 'Forbidden');
    }
    try {
      await this.run(task);
      return answer(200, 'Success');
    } catch (error) {
      return failed(task, error);
    }
  }

  /** Answers a request of any method. */
  async handle(request) {
    if (request.method === 'POST') return this.post(request);
    return answer(405, 'deferred: only POST', { allow: 'POST' });
  }
}

function failed(task, error) {
  if (error instanceof SingularTaskFailure) return answer(408, 'SingularTaskFailure');
  const isPermanent = error instanceof PermanentTaskFailure;
  const what = isPermanent ? error.message : `${error}\n${error?.stack ?? ''}`;
  console.error(`deferred: task ${task.name}: ${isPermanent ? 'permanent failure' : 'failed'}: ${what}`);
  return isPermanent ? answer(200, 'PermanentTaskFailure') : answer(500, 'Error');
}

const answer = (status, content, headers = {}) => new Response(content, { status, headers: { 'content-type': 'text/plain', ...headers } });
