// Deferred tasks: the queues, and the tasks of one, in the order in which they are due; both can be told what to do.

import { byId, bytes, element, many, moment, say, span } from "./elements.js";

const PREFIX = "tasks/";

let ask;
let change;
let heard = null;
/** The queue that is looked at, if one was named, and what is known of it. */
let named = null;
let page = null;
/** Where the pages begin that were turned to reach this one: the last is this one's. */
let turned = [];
/** Tasks that went by what was done here: an answer that is older than that still has them. */
const dealtWith = new Set();
/** Who waits for the answer to the question that is asked. */
let answer = () => {};
/** What the tables have: by name, the parts of a row. */
const queueRows = new Map();
const taskRows = new Map();

export function begin(asker, changer) {
  ask = asker;
  change = changer;
  byId("first-page").addEventListener("click", () => turn([]));
  byId("next-page").addEventListener("click", () => turn([...turned, page.next]));
  const dialog = byId("sure");
  dialog.addEventListener("close", () => {
    // The event comes later than the dialog goes: the next question may be there already, and this is no answer to it.
    if (!dialog.open) answer(dialog.returnValue === "yes");
  });
}

/** Asks for the queues, and for the page of tasks that is shown. Called again and again while this view is shown. */
export async function refresh() {
  heard = await ask("tasks");
  const queue = chosen();
  const after = turned.at(-1);
  let told = null;
  if (queue) {
    try {
      told = await ask(PREFIX + queue + (after ? `?after=${encodeURIComponent(after)}` : ""));
    } catch (error) {
      if (error.status !== 404) throw error;
    }
  }
  // Somebody may have gone elsewhere meanwhile.
  if (queue !== chosen() || after !== turned.at(-1)) return;
  tellWhatIsGone(told);
  page = told;
  draw();
}

/** Whether the server was asked before. */
export const isThere = () => heard !== null;

/** Shows the queues, and the tasks of the one that is named. */
export function show(name) {
  if ((name || null) !== named) {
    named = name || null;
    page = null;
    turned = [];
    say(byId("task-news"), "");
    if (heard) refresh().catch(() => {});
  }
  draw();
}

/** The name of the queue to show: where there is only one, nobody has to choose. */
function chosen() {
  return named ?? (heard?.queues?.length === 1 ? heard.queues[0].name : null);
}

function turn(pages) {
  turned = pages;
  say(byId("task-news"), "");
  refresh().then(() => byId("queue-title").focus(), () => {});
}

/** A task that was here and is here no more has ended, or somebody has deleted it: that is said, since its buttons go with it. */
function tellWhatIsGone(told) {
  // Where there are several pages it may be on another one now.
  if (!page || !told || page.queue.name !== told.queue.name || page.next || told.next || turned.length) return;
  const here = new Set(told.tasks.map((task) => task.id));
  const gone = page.tasks.map((task) => task.id).filter((id) => !here.has(id) && !dealtWith.has(id));
  if (gone.length === 1) news(`Task ${gone[0]} is gone: it has ended, or was deleted.`);
  else if (gone.length) news(`${gone.length} tasks are gone: they have ended, or were deleted.`);
}

function news(text) {
  const line = byId("task-news");
  line.classList.remove("failed");
  say(line, text);
}

/** Has something done, says what came of it, and looks again. Tasks that go by it are not told to be gone. */
async function act(method, path, done, goes = () => false) {
  const going = (page?.tasks ?? []).filter(goes).map((task) => task.id);
  for (const id of going) dealtWith.add(id);
  try {
    await change(method, PREFIX + path);
    news(done);
  } catch (error) {
    for (const id of going) dealtWith.delete(id);
    news(error.message);
    byId("task-news").classList.add("failed");
  }
  await refresh().catch(() => {});
}

/** Asks before what cannot be taken back. */
function confirmed(question, word) {
  const dialog = byId("sure");
  say(byId("sure-question"), question);
  say(byId("sure-yes"), word);
  // Whoever asked before, and has not heard yet that he was not answered.
  answer(false);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => (answer = resolve));
}

const tail = (name) => name.slice(name.lastIndexOf("/") + 1);
const counted = (count) => (count >= 10000 ? "10,000+" : String(count));

function draw() {
  if (!heard) return;
  const queues = heard.queues ?? [];
  byId("queue-rows").hidden = queues.length === 0;
  sync(queueRows, byId("queue-rows").tBodies[0], queues, (queue) => queue.name, newQueue, fillQueue);
  drawEmpty(queues.length);
  drawQueue();
}

function drawEmpty(count) {
  const empty = byId("no-queues");
  empty.hidden = count > 0;
  say(
    empty,
    heard.on
      ? "No queue yet: it appears with the first task that the application defers."
      : "Tasks are off: this server was started with --tasks off. Start it without, and what its application defers is shown here.",
  );
}

function drawQueue() {
  const section = byId("queue");
  const queue = chosen();
  section.hidden = !heard.on || !queue;
  if (section.hidden) return;
  say(byId("queue-title"), `Tasks of ${tail(queue)}`);
  const tasks = page?.tasks ?? [];
  // The button that has the focus may go with its task: the next one takes it.
  const active = document.activeElement;
  const focused = active?.closest("#task-rows tr");
  const place = focused ? [...focused.parentElement.children].indexOf(focused) : -1;
  sync(taskRows, byId("task-rows").tBodies[0], tasks, (task) => task.id, newTask, fillTask);
  if (focused?.isConnected) {
    // A row that has gone to another place has lost it on the way.
    if (active !== document.activeElement) active.focus();
  } else if (focused) {
    const rows = byId("task-rows").tBodies[0].rows;
    const next = rows[Math.min(place, rows.length - 1)];
    (next?.querySelector(`[data-act="${active.dataset.act}"]`) ?? byId("queue-title")).focus();
  }
  byId("task-rows").hidden = tasks.length === 0;
  const empty = byId("no-tasks");
  empty.hidden = tasks.length > 0 || (!page && heard.queues.some((one) => one.name === queue));
  say(empty, !page ? "There is no such queue." : turned.length ? "There is nothing behind here any more." : "No task is in this queue.");
  byId("first-page").hidden = turned.length === 0;
  byId("next-page").hidden = !page?.next;
  const before = turned.length ? `page ${turned.length + 1}, ` : "";
  say(byId("tasks-shown"), page ? `${before}${many(tasks.length, "task")} shown` : "");
}

/** Makes the rows of a table those of a list: rows that stay are filled anew, and keep the focus. */
function sync(rows, body, list, key, make, fill) {
  const keys = new Set(list.map(key));
  for (const [one, row] of rows) {
    if (!keys.has(one)) {
      row.tr.remove();
      rows.delete(one);
    }
  }
  list.forEach((item, place) => {
    let row = rows.get(key(item));
    if (!row) rows.set(key(item), (row = make(item)));
    if (body.children[place] !== row.tr) body.insertBefore(row.tr, body.children[place] ?? null);
    fill(row, item);
  });
}

function button(act, label, about, press) {
  const made = element("button", { type: "button", "aria-label": `${label} ${about}` }, label);
  made.dataset.act = act;
  made.addEventListener("click", press);
  return made;
}

/** A row of cells by these names, the first of which is its head. The roles are said, since a narrow page does not lay it out as a row. */
function cells(...names) {
  const [first, ...rest] = names;
  const head = element("th", { scope: "row", role: "rowheader", className: first });
  const row = { tr: element("tr", { role: "row" }), [first.split(" ")[0]]: head };
  row.tr.append(head);
  for (const name of rest) row.tr.append((row[name.split(" ")[0]] = element("td", { role: "cell", className: name })));
  return row;
}

function newQueue(queue) {
  const row = cells("queue", "state", "rate", "waiting number", "running number", "acts");
  const name = tail(queue.name);
  row.tr.dataset.queue = queue.name;
  row.queue.append(element("a", { href: `#tasks/${queue.name}`, title: queue.name }, name));
  row.queue.append(element("span", { className: "within" }, queue.name.slice(0, -name.length).replace("/queues/", "")));
  row.pause = button("pause", "Pause", `queue ${name}`, () => act("POST", `${queue.name}:pause`, `Queue ${name} is paused.`));
  row.resume = button("resume", "Resume", `queue ${name}`, () => act("POST", `${queue.name}:resume`, `Queue ${name} runs again.`));
  const purge = button("purge", "Purge", `queue ${name}`, async () => {
    const sure = await confirmed(`Forget all tasks of the queue ${name}?`, "Purge");
    const goes = () => page.queue.name === queue.name;
    if (sure) await act("POST", `${queue.name}:purge`, `Queue ${name} was purged.`, goes);
  });
  row.acts.append(row.pause, row.resume, purge);
  return row;
}

function fillQueue(row, queue) {
  say(row.state, queue.paused ? "paused" : "running");
  row.state.classList.toggle("is-paused", queue.paused);
  say(row.rate, `${queue.rate} a second, ${queue.concurrent} at once`);
  say(row.waiting, counted(queue.waiting));
  say(row.running, counted(queue.running));
  const [shown, other] = queue.paused ? [row.resume, row.pause] : [row.pause, row.resume];
  const hadFocus = document.activeElement === other;
  shown.hidden = false;
  other.hidden = true;
  if (hadFocus) shown.focus();
  if (queue.name === chosen()) row.tr.setAttribute("aria-current", "true");
  else row.tr.removeAttribute("aria-current");
}

function newTask(task) {
  const row = cells("id", "what", "size number", "eta", "attempts number", "last", "acts");
  row.tr.dataset.task = task.id;
  row.url = element("span", { className: "url" });
  row.what.append(row.url);
  [row.at, row.left] = [element("time"), element("span", { className: "within" })];
  row.eta.append(row.at, row.left);
  [row.status, row.when] = [element("span"), element("span", { className: "within" })];
  row.last.append(row.status, row.when);
  const queue = chosen();
  const path = `${queue}/tasks/${task.id}`;
  row.run = button("run", "Run now", `task ${task.id}`, () => {
    if (row.run.getAttribute("aria-disabled") !== "true") act("POST", `${path}:run`, `Task ${task.id} was sent to run.`);
  });
  const forget = button("delete", "Delete", `task ${task.id}`, async () => {
    const sure = await confirmed(`Delete the task ${task.id}? It will not run.`, "Delete");
    const goes = (one) => page.queue.name === queue && one.id === task.id;
    if (sure) await act("DELETE", path, `Task ${task.id} was deleted.`, goes);
  });
  row.acts.append(row.run, forget);
  return row;
}

function fillTask(row, task) {
  say(row.id, task.id);
  row.id.title = task.id;
  say(row.url, `${task.method} ${task.url}`);
  row.url.title = `${task.method} ${task.url}`;
  say(row.size, bytes(task.bytes));
  say(row.at, moment(task.due, heard.now));
  row.at.dateTime = new Date(task.due).toISOString();
  say(row.left, task.running ? "runs" : ahead(task.due - heard.now));
  say(row.attempts, task.dispatches ? `${task.dispatches}, ${task.responses} answered` : "none");
  const status = task.status ?? (task.dispatches && !task.running ? "no answer" : "");
  say(row.status, String(status));
  row.status.className = task.status ? `status-${Math.floor(task.status / 100)}` : "status-none";
  const at = task.answered ?? task.dispatched;
  say(row.when, status && at ? moment(at, heard.now) : "");
  // Not `disabled`, which would take the focus away.
  row.run.setAttribute("aria-disabled", String(task.running));
  row.tr.classList.toggle("is-running", task.running);
}

/** How far away it is. */
function ahead(ms) {
  if (Math.abs(ms) < 1000) return "now";
  return ms > 0 ? `in ${span(ms)}` : `${span(-ms)} ago`;
}
