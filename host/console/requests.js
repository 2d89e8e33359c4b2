// The requests: those that run and the last that ended, filtered; and one of them with its waterfall.

import { byId, bytes, duration, element, many, milliseconds, say, statusOf, timeOfDay } from "./elements.js";
import { waterfall } from "./waterfall.js";

/** How many requests are kept here, and how many of them the table shows at once. */
const KEPT = 1000;
const SHOWN = 400;

let ask;
let seen = 0;
let server = null;
/** Row by number, of requests that run and that ended. */
let rows = new Map();
/** What the table has: by number, the row that was drawn and its element. */
const drawn = new Map();
/** The number of the request that is looked at, and what is known of it. */
let chosen = null;
let detail = null;

const filters = () => byId("filters");

/** How many ended requests have been heard of. */
export const cursor = () => seen;

export function begin(asker) {
  ask = asker;
  filters().addEventListener("input", draw);
  filters().addEventListener("reset", () => queueMicrotask(draw));
  filters().addEventListener("submit", (event) => event.preventDefault());
  byId("rows").tBodies[0].addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    // A link does it by itself; and who selects text does not want to go anywhere.
    if (row && !event.target.closest("a") && getSelection().isCollapsed) location.hash = `requests/${row.dataset.id}`;
  });
  byId("rows").addEventListener("keydown", walk);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && chosen !== null) close();
  });
}

/** Takes an answer of /api/requests. */
export function hear(heard) {
  if (server && heard.server.begun_at !== server.begun_at) {
    // Another server, which counts from 1 again: what it has is asked for anew.
    rows = new Map();
    seen = 0;
    server = heard.server;
    return draw();
  }
  server = heard.server;
  seen = heard.cursor;
  const live = new Set(heard.live.map((row) => row.id));
  for (const row of rows.values()) {
    if (row.outcome === "running" && !live.has(row.id)) rows.delete(row.id);
  }
  for (const row of [...heard.ended, ...heard.live]) rows.set(row.id, row);
  const ended = [...rows.values()].filter((row) => row.outcome !== "running");
  ended.sort((a, b) => b.id - a.id);
  for (const row of ended.slice(KEPT)) rows.delete(row.id);
  draw();
}

/** Asks for the request that is looked at, until it has ended. */
export async function follow() {
  if (chosen === null || (detail && detail.id === chosen && detail.outcome !== "running")) return;
  const id = chosen;
  try {
    const heard = await ask(`requests/${id}`);
    if (id === chosen) {
      detail = heard;
      drawDetail();
    }
  } catch (error) {
    if (id === chosen && !detail) drawNothing(error.message);
  }
}

/** Shows the list, and the request that is named. */
export function show(name) {
  const id = /^\d+$/.test(name) ? Number(name) : null;
  if (id !== chosen) {
    chosen = id;
    detail = null;
    if (id === null) byId("request").hidden = true;
    else follow();
  }
  byId("requests").classList.toggle("has-request", id !== null);
  draw();
}

function close() {
  const id = chosen;
  location.hash = "requests";
  document.querySelector(`#rows tr[data-id="${id}"] a`)?.focus();
}

/** The arrow keys go from row to row. */
function walk(event) {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  const next = step && event.target.closest("tr")?.[step]?.querySelector("a");
  if (next) {
    event.preventDefault();
    next.focus();
  }
}

function wanted() {
  const form = filters().elements;
  const path = form.path.value.trim().toLowerCase();
  const host = form.host.value.trim().toLowerCase();
  const [method, status, errors] = [form.method.value, form.status.value, form.errors.checked];
  const hasStatus = (row) => {
    if (status === "running") return row.outcome === "running";
    if (status === "none") return row.outcome !== "running" && !row.status;
    return String(row.status ?? "").startsWith(status);
  };
  return (row) =>
    row.path.toLowerCase().includes(path) &&
    [row.host, ...row.to].some((one) => one.toLowerCase().includes(host)) &&
    (!method || row.method === method) &&
    (!status || hasStatus(row)) &&
    (!errors || row.is_error);
}

function draw() {
  offerMethods();
  const matching = [...rows.values()].filter(wanted()).sort((a, b) => b.id - a.id);
  const shown = matching.slice(0, SHOWN);
  const body = byId("rows").tBodies[0];
  const ids = new Set(shown.map((row) => row.id));
  for (const [id, { tr }] of drawn) {
    if (!ids.has(id)) {
      tr.remove();
      drawn.delete(id);
    }
  }
  let place = body.firstElementChild;
  for (const row of shown) {
    const tr = drawRow(row);
    if (tr === place) place = place.nextElementSibling;
    else body.insertBefore(tr, place);
  }
  byId("rows").hidden = shown.length === 0;
  drawEmpty(shown.length);
  const more = matching.length > SHOWN ? `, the last ${SHOWN} shown` : "";
  say(byId("shown"), server ? `${matching.length} of ${many(rows.size, "request")}${more}` : "");
}

/** The row of a request: the one that is there, filled anew when something about it has changed. */
function drawRow(row) {
  const text = JSON.stringify(row);
  let known = drawn.get(row.id);
  if (!known) {
    known = { text: "", tr: element("tr") };
    known.tr.dataset.id = row.id;
    const link = element("a", { href: `#requests/${row.id}` }, String(row.id));
    known.tr.append(element("td", { className: "id number" }, link));
    drawn.set(row.id, known);
  }
  if (known.text !== text) {
    known.text = text;
    const failed = row.calls_failed ? element("span", { className: "failed" }, `${row.calls_failed} failed`) : null;
    const cells = [
      ["when", timeOfDay(row.at)],
      ["method", row.method],
      ["path", row.path, row.host],
      ["status", statusOf(row)],
      ["took number", milliseconds(row.ms)],
      ["calls number", element("span", {}, failed, failed ? " of " : null, String(row.calls))],
      ["to", row.to.join(", ")],
    ].map(([className, inside, title]) => {
      const hint = title ?? (typeof inside === "string" ? inside : "");
      return element("td", { className, title: hint }, inside);
    });
    // The first cell stays: its link may have the focus.
    known.tr.replaceChildren(known.tr.firstElementChild, ...cells);
    known.tr.classList.toggle("is-error", row.is_error);
    known.tr.classList.toggle("is-running", row.outcome === "running");
  }
  if (row.id === chosen) known.tr.setAttribute("aria-current", "true");
  else known.tr.removeAttribute("aria-current");
  return known.tr;
}

function drawEmpty(count) {
  const empty = byId("no-rows");
  empty.hidden = count > 0 || !server;
  if (empty.hidden) return;
  const lines = rows.size
    ? [element("p", {}, "No request matches the filters."), element("p", {}, "Clear them to see all.")]
    : [
        element("p", {}, "No request has come yet. Send one:"),
        element("pre", {}, `curl -i http://${reachable(server.address)}/`),
        element("p", {}, "It appears here within a second, with everything it fetches."),
      ];
  const text = lines.map((line) => line.textContent).join("\n");
  if (empty.dataset.text !== text) {
    empty.dataset.text = text;
    empty.replaceChildren(...lines);
  }
}

/** An address to type: who listens everywhere is reached where this page is. */
function reachable(address) {
  const [, host, port] = /^(.*):(\d+)$/.exec(address ?? "") ?? [null, location.hostname, "8080"];
  return host === "0.0.0.0" || host === "[::]" ? `${location.hostname}:${port}` : `${host}:${port}`;
}

function offerMethods() {
  const select = filters().elements.method;
  const offered = new Set([...select.options].map((option) => option.value));
  for (const { method } of rows.values()) {
    if (!offered.has(method) && offered.size < 20) {
      offered.add(method);
      select.append(element("option", { value: method }, method));
    }
  }
}

function drawNothing(reason) {
  const aside = byId("request");
  aside.hidden = false;
  aside.replaceChildren(title(`Request ${chosen}`), element("p", { className: "empty" }, reason));
}

function title(text) {
  const button = element("button", { type: "button", className: "close", "aria-label": "Close" }, "\u00d7");
  button.addEventListener("click", close);
  return element("div", { className: "title" }, element("h2", {}, text), button);
}

function drawDetail() {
  const aside = byId("request");
  const hadFocus = aside.contains(document.activeElement);
  const request = detail;
  const ended = request.outcome === "running" ? "runs" : `ended after ${duration(request.ms)}`;
  const facts = [
    ["Asked", element("div", { className: "asked" }, `${request.method} ${request.path}`)],
    ["Host", request.host],
    ["From", `${request.peer}, ${request.version}, ${timeOfDay(request.at)}`],
    ["Answered", element("span", {}, statusOf(request), answered(request))],
    ["Outcome", `${request.outcome === "running" ? "" : `${request.outcome}, `}${ended}`],
    ["Reason", request.reason],
  ].filter(([, value]) => value);
  const list = element("dl");
  for (const [name, value] of facts) list.append(element("dt", {}, name), element("dd", {}, value));
  aside.hidden = false;
  aside.replaceChildren(title(`Request ${request.id}`), list, waterfall(request));
  if (hadFocus) aside.querySelector(".close").focus();
}

function answered(request) {
  if (request.head_ms === null) return "";
  return ` after ${duration(request.head_ms)}, ${bytes(request.sent)} sent`;
}
