// The console: asks the server once a second, and hands what it hears to the views. A view is a `main` of index.html, a link in its
// `nav`, and a module with `show(where)` for what stands behind its name in the address.

import { byId, many, say } from "./elements.js";
import * as errors from "./errors.js";
import * as requests from "./requests.js";
import * as tasks from "./tasks.js";

const EVERY_MS = 1000;
const VIEWS = { requests, tasks, errors };

let paused = false;
let failing = false;

/** Asks the server for something below /api/. Fails with one line. */
async function ask(path) {
  const response = await fetch(`api/${path}`, { cache: "no-store" });
  if (!response.ok) throw await failure(response);
  return response.json();
}

/** Has the server change something below /api/. The header says that this page did it: another one cannot send it. */
async function change(method, path) {
  const response = await fetch(`api/${path}`, { method, headers: { "X-Urlfetch-Console": "1" } });
  if (!response.ok) throw await failure(response);
}

/** What the server said, in one line. */
async function failure(response) {
  const text = (await response.text()).trim();
  let message = text;
  try {
    message = JSON.parse(text).error.message;
  } catch {
    // It is a line already.
  }
  return Object.assign(new Error(message || `status ${response.status}`), { status: response.status });
}

async function refresh() {
  try {
    const [heard, wrong] = await Promise.all([ask(`requests?after=${requests.cursor()}`), ask("errors")]);
    requests.hear(heard);
    errors.hear(wrong);
    if (!byId("tasks").hidden) await tasks.refresh();
    showServer(heard.server, heard.now);
    failing = false;
  } catch (error) {
    failing = true;
    console.info(`no answer: ${error.message}`);
  }
  await requests.follow();
  showContact();
}

function showServer(server, now) {
  const minutes = Math.floor((now - server.begun_at) / 60000);
  const up = minutes < 120 ? many(minutes, "minute") : many(Math.floor(minutes / 60), "hour");
  const parts = [
    server.address ?? "",
    `${server.in_flight} of ${server.places} places taken`,
    `up ${up}`,
    `version ${server.version}`,
  ];
  say(byId("server"), parts.filter((part) => part).join(" \u00b7 "));
  if (server.stopping) say(byId("contact"), "stopping");
}

function showContact() {
  const contact = byId("contact");
  const state = failing ? "lost" : paused ? "paused" : "live";
  const words = { lost: "no answer, trying again", paused: "paused", live: "live" };
  contact.dataset.state = state;
  say(contact, words[state]);
}

function route() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  const chosen = Object.hasOwn(VIEWS, name) ? name : "requests";
  for (const view of Object.keys(VIEWS)) {
    byId(view).hidden = view !== chosen;
    const link = document.querySelector(`nav a[data-view="${view}"]`);
    if (view === chosen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  VIEWS[chosen].show(rest.join("/"));
  if (chosen === "tasks" && !tasks.isThere()) tasks.refresh().catch(() => {});
}

async function run() {
  if (!paused && !document.hidden) await refresh();
  setTimeout(run, EVERY_MS);
}

byId("pause").addEventListener("click", ({ currentTarget: button }) => {
  paused = !paused;
  button.setAttribute("aria-pressed", String(paused));
  say(button, paused ? "Go on" : "Pause");
  showContact();
});
document.addEventListener("keydown", (event) => {
  const writes = event.target.closest("input, select, textarea");
  if (event.key === "/" && !writes && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    location.hash = "requests";
    document.querySelector("#filters [name=path]").focus();
  }
});
addEventListener("hashchange", route);

requests.begin(ask);
errors.begin();
tasks.begin(ask, change);
route();
run();
