// What went wrong in the last minutes: requests that did not end well, calls that failed, and what came in and was no request.

import { byId, element, many, say, timeOfDay } from "./elements.js";

let heard = null;

export function begin() {
  byId("span").addEventListener("input", draw);
  byId("span").addEventListener("submit", (event) => event.preventDefault());
}

/** Takes an answer of /api/errors. */
export function hear(answer) {
  heard = answer;
  draw();
}

export function show() {
  draw();
}

function draw() {
  if (!heard) return;
  const minutes = Number(byId("span").elements.minutes.value);
  const since = minutes ? heard.now - minutes * 60000 : 0;
  const entries = [...heard.requests.map(ofRequest), ...heard.malformed.map(ofMalformed)]
    .filter((entry) => entry.at >= since)
    .sort((a, b) => b.at - a.at);
  const count = byId("error-count");
  count.hidden = entries.length === 0;
  say(count, String(entries.length));
  const text = JSON.stringify(entries);
  const table = byId("error-rows");
  if (table.dataset.text !== text) {
    table.dataset.text = text;
    const focused = document.activeElement?.closest("#error-rows a")?.getAttribute("href");
    table.tBodies[0].replaceChildren(...entries.map(row));
    if (focused) table.querySelector(`a[href="${focused}"]`)?.focus();
  }
  table.hidden = entries.length === 0;
  say(byId("errors-shown"), entries.length ? many(entries.length, "error") : "");
  const empty = byId("no-errors");
  empty.hidden = entries.length > 0;
  const span = minutes === 0 ? "since the server began" : minutes === 60 ? "in the last hour" : `in the last ${minutes} minutes`;
  say(empty, `Nothing has gone wrong ${span}.`);
}

function ofRequest(request) {
  const answered = request.outcome === "answered";
  const kind = !answered ? request.outcome : request.status >= 500 ? `status ${request.status}` : "fetch failed";
  const status = request.status ? ` \u2192 ${request.status}` : "";
  const lines = request.failures.map((call) => `${call.method} ${call.url}: ${call.error}`);
  const more = request.calls_failed - lines.length;
  if (more > 0) lines.push(`and ${many(more, "call")} more`);
  const headline = `${request.method} ${request.path}${status}`;
  return { at: request.at, kind, id: request.id, headline, reason: request.reason, lines };
}

function ofMalformed({ at, peer, status, reason }) {
  return { at, kind: "no request", headline: `from ${peer} \u2192 ${status}`, reason, lines: [] };
}

function row(entry) {
  const link = entry.id ? element("a", { href: `#requests/${entry.id}` }, `#${entry.id}`) : null;
  const what = element("td", { className: "what" });
  what.append(element("p", { className: "headline" }, link, link ? " " : null, entry.headline));
  if (entry.reason) what.append(element("p", { className: "failed" }, entry.reason));
  what.append(...entry.lines.map((line) => element("p", { className: "line" }, line)));
  const when = element("td", { className: "when" }, timeOfDay(entry.at));
  return element("tr", {}, when, element("td", { className: "kind" }, entry.kind), what);
}
