// Google's own client of Cloud Tasks for Node, by REST, against a server of ours: `node drive.js COMMAND...` starts the server with
// `--tasks-listen` in a folder of its own, and does with the client what a program would. Exit code 1 when something is not as the
// service would have it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CloudTasksClient } from "@google-cloud/tasks";
import { OAuth2Client } from "google-auth-library";

// Far above what a loaded machine needs.
const WATCHDOG = 600_000;
const LOCATION = "projects/project/locations/here";
const QUEUE = `${LOCATION}/queues/default`;
const URL_OF_APP = "http://app.urlfetch.internal";
// The numbers of google.rpc.
const [INVALID, NOT_FOUND, EXISTS, DENIED, PRECONDITION] = [3, 5, 6, 7, 9];

const claims = {
  async "tasks are made, read, listed and deleted"(client) {
    const queue = await made(client, "listed");
    const scheduleTime = inDays(1);
    const asked = {
      name: `${queue}/tasks/first`,
      httpRequest: {
        url: `${URL_OF_APP}/work`,
        httpMethod: "PUT",
        headers: { "X-Mine": "yes", "Content-Type": "text/plain" },
        body: Buffer.from([0, 255, 254, 32]).toString("base64"),
      },
      scheduleTime,
      dispatchDeadline: { seconds: 15 },
    };
    const [task] = await client.createTask({ parent: queue, task: asked, responseView: "FULL" });
    assert.equal(task.name, asked.name);
    assert.equal(task.httpRequest.httpMethod, "PUT");
    assert.deepEqual(Buffer.from(task.httpRequest.body), Buffer.from([0, 255, 254, 32]));
    assert.deepEqual(task.httpRequest.headers, {
      "User-Agent": "Google-Cloud-Tasks",
      "X-Mine": "yes",
      "Content-Type": "text/plain",
    });
    assert.equal(Number(task.scheduleTime.seconds), scheduleTime.seconds);
    assert.equal(Number(task.dispatchDeadline.seconds), 15);
    const [basic] = await client.getTask({ name: task.name });
    assert.deepEqual([basic.view, Buffer.from(basic.httpRequest.body).length], ["BASIC", 0]);
    const [full] = await client.getTask({ name: task.name, responseView: "FULL" });
    assert.deepEqual(full, task);

    const names = new Set([task.name]);
    for (let n = 0; n < 4; n += 1) {
      const unnamed = { httpRequest: { url: URL_OF_APP }, scheduleTime };
      names.add((await client.createTask({ parent: queue, task: unnamed }))[0].name);
    }
    const listed = new Set();
    // Page by page.
    for await (const one of client.listTasksAsync({ parent: queue, pageSize: 2 }, { autoPaginate: false })) listed.add(one.name);
    assert.deepEqual(listed, names);
    await client.deleteTask({ name: task.name });
    const gone = /The task no longer exists, though a task with this name existed recently\./;
    await refused(NOT_FOUND, gone, client.getTask({ name: task.name }));
    await refused(NOT_FOUND, gone, client.deleteTask({ name: task.name }));
    const never = client.getTask({ name: `${queue}/tasks/never` });
    await refused(NOT_FOUND, /Requested entity was not found\./, never);
    await client.purgeQueue({ name: queue });
    assert.deepEqual((await client.listTasks({ parent: queue }))[0], []);
  },

  async "names are used once"(client) {
    const name = `${QUEUE}/tasks/once`;
    const create = () =>
      client.createTask({ parent: QUEUE, task: { name, httpRequest: { url: URL_OF_APP }, scheduleTime: inDays(1) } });
    await create();
    await refused(EXISTS, /Requested entity already exists/, create());
    await client.deleteTask({ name });
    await refused(EXISTS, /Requested entity already exists/, create());
  },

  async "errors are the service's"(client) {
    const other = `${LOCATION}/queues/other`;
    const task = (more) => ({ httpRequest: { url: URL_OF_APP }, ...more });
    const cases = [
      [NOT_FOUND, "Queue does not exist.", task({}), other],
      [INVALID, `The queue name from request ('${QUEUE}') must be the same as`, task({ name: `${other}/tasks/t` })],
      [INVALID, 'Task ID "a b" can contain only letters', task({ name: `${QUEUE}/tasks/a b` })],
      [INVALID, "HttpRequest.url is required.", { httpRequest: {} }],
      [INVALID, "HttpTarget.url must start with 'http://' or 'https://'.", { httpRequest: { url: "ftp://a" } }],
      [INVALID, "Task.dispatchDeadline must be between [15s, 30m].", task({ dispatchDeadline: { seconds: 14 } })],
      [INVALID, "Schedule time must be no more than 720h in the future.", task({ scheduleTime: inDays(31) })],
      [INVALID, "Task size too large", { httpRequest: { url: URL_OF_APP, body: Buffer.alloc(1_048_576).toString("base64") } }],
      [INVALID, "appEngineHttpRequest", { appEngineHttpRequest: { relativeUri: "/" } }],
    ];
    for (const [code, message, wrong, parent = QUEUE] of cases) {
      await refused(code, message, client.createTask({ parent, task: wrong }));
    }
  },

  async "queues change"(client) {
    const name = await made(client, "changing");
    await refused(EXISTS, /Queue already exists/, made(client, "changing"));
    const queue = { name, rateLimits: { maxDispatchesPerSecond: 7 }, retryConfig: { maxAttempts: 9 } };
    const updateMask = { paths: ["rate_limits.max_dispatches_per_second"] };
    const [changed] = await client.updateQueue({ queue, updateMask });
    assert.deepEqual([changed.rateLimits.maxDispatchesPerSecond, changed.retryConfig.maxAttempts], [7, 100]);
    const tooFast = { name, rateLimits: { maxDispatchesPerSecond: 501 } };
    await refused(INVALID, /must be less than or equal to 500\./, client.updateQueue({ queue: tooFast }));
    assert.equal((await client.getQueue({ name }))[0].retryConfig.minBackoff.nanos, 100_000_000);
    const listed = (await client.listQueues({ parent: LOCATION }))[0].map((one) => one.name);
    assert.ok(listed.includes(name));
    assert.equal((await client.pauseQueue({ name }))[0].state, "PAUSED");
    assert.equal((await client.resumeQueue({ name }))[0].state, "RUNNING");
    await client.deleteQueue({ name });
    // By REST this client tells errors apart by their status alone, and both are a 400.
    const lately = /a queue with this name existed too recently/;
    await refused([PRECONDITION, INVALID], lately, made(client, "changing"));
  },

  async "due tasks run"(client) {
    const queue = await made(client, "running");
    await client.pauseQueue({ name: queue });
    const create = async (task) => (await client.createTask({ parent: queue, task }))[0].name;
    const due = await create({ httpRequest: { url: `${URL_OF_APP}/200` } });
    const forced = await create({ httpRequest: { url: `${URL_OF_APP}/503` }, scheduleTime: inDays(1) });
    // By hand, although the queue is paused and the task not due.
    await client.runTask({ name: forced });
    let ran;
    do [ran] = await client.getTask({ name: forced });
    while (ran.responseCount === 0);
    assert.deepEqual([ran.dispatchCount, ran.lastAttempt.responseStatus.code], [1, 14]);
    assert.equal((await client.getTask({ name: due }))[0].dispatchCount, 0);
    await client.resumeQueue({ name: queue });
    for (;;) {
      const found = await client.getTask({ name: due }).catch((error) => error);
      if (found.code === NOT_FOUND) break;
      assert.ok(Array.isArray(found), found);
    }
    await client.purgeQueue({ name: queue });
  },
};

async function made(client, id) {
  const [queue] = await client.createQueue({ parent: LOCATION, queue: { name: `${LOCATION}/queues/${id}` } });
  return queue.name;
}

function inDays(days) {
  return { seconds: Math.floor(Date.now() / 1000) + days * 86_400 };
}

async function refused(codes, message, call) {
  const error = await call.then(
    () => assert.fail(`expected ${message}`),
    (raised) => raised,
  );
  assert.ok([codes].flat().includes(error.code), `${error.code}: ${error.message}`);
  const fits = typeof message === "string" ? error.message.includes(message) : message.test(error.message);
  assert.ok(fits, `expected ${message}, saw ${error.message}`);
}

function clientOf(address, token) {
  const { hostname, port } = new URL(address);
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: token, expiry_date: Date.now() + 3_600_000 });
  return new CloudTasksClient({ fallback: true, protocol: "http", apiEndpoint: hostname, port: Number(port), authClient });
}

async function drive([command, ...args]) {
  const folder = mkdtempSync(join(tmpdir(), "cloud-tasks-"));
  const more = ["--tasks-file", join(folder, "tasks.db"), "--tasks-listen", "127.0.0.1:0"];
  const server = spawn(command, [...args, ...more], { stdio: ["ignore", "pipe", "inherit"] });
  const watchdog = setTimeout(() => server.kill("SIGKILL"), WATCHDOG);
  try {
    let address;
    for await (const line of createInterface({ input: server.stdout })) {
      address = /tasks on (http:\/\/\S+)/.exec(line)?.[1];
      if (address) break;
    }
    assert.ok(address, "the server ended before it listened");
    const stranger = clientOf(address, "x".repeat(32));
    await refused(DENIED, /is not the token of this server/, stranger.getQueue({ name: QUEUE }));
    const client = clientOf(address, readFileSync(join(folder, "tasks.token"), "utf8").trim());
    for (const [title, claim] of Object.entries(claims)) {
      await claim(client).catch((error) => {
        error.message = `${title}: ${error.message}`;
        throw error;
      });
    }
    const manifest = new URL("node_modules/@google-cloud/tasks/package.json", import.meta.url);
    const { version } = JSON.parse(readFileSync(manifest, "utf8"));
    console.log(`@google-cloud/tasks ${version}: ${Object.keys(claims).length} claims hold`);
  } finally {
    clearTimeout(watchdog);
    server.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

await drive(process.argv.slice(2));
