// The waterfall of one request: a bar for each outbound call, from the moment the guest made it to its end, in the phases the sender saw.

import { bytes, duration, element, many, milliseconds } from "./elements.js";

/** The phases in order: their name, what ends them, and what they are. */
const PHASES = [
  ["queued", "queued for a connection"],
  ["lookup", "looking the name up"],
  ["connect", "connecting"],
  ["TLS", "agreeing on TLS"],
  ["head", "waiting for the head"],
  ["body", "reading the body"],
];

export function waterfall(request) {
  const calls = request.outbound;
  if (calls.length === 0) {
    const soon = request.outcome === "running" ? " yet" : "";
    return element("p", { className: "empty" }, `It has fetched nothing${soon}.`);
  }
  const ends = calls.map((call) => call.begun_ms + (call.ms ?? 0));
  const whole = Math.max(request.ms, ...ends, 0.001);
  const chart = element("div", { className: "waterfall", role: "table", "aria-label": "Outbound calls" });
  chart.append(scale(whole), own(request, whole));
  calls.forEach((call, index) => chart.append(bar(call, index + 1, request.ms, whole)));
  const beyond = request.outbound_beyond;
  const more = beyond ? element("p", { className: "empty" }, `and ${many(beyond, "call")} more, of which only the number is kept`) : null;
  return element("section", {}, legend(), chart, more);
}

function legend() {
  const keys = PHASES.map(([name, what]) => element("li", { title: what }, element("i", { className: `phase-${name}` }), name));
  return element("ul", { className: "legend", "aria-hidden": "true" }, ...keys);
}

/** Times at the quarters of the whole. */
function scale(whole) {
  const ticks = [0, 1, 2, 3, 4].map((quarter) => {
    const tick = element("span", {}, quarter === 0 ? "0" : duration((whole * quarter) / 4));
    tick.style.left = `${quarter * 25}%`;
    return tick;
  });
  return element("div", { className: "scale", "aria-hidden": "true" }, element("div", { className: "track" }, ...ticks));
}

/** The request itself: until its answer began, and until it ended. */
function own(request, whole) {
  const head = request.head_ms ?? request.ms;
  const track = element("div", { className: "track" });
  track.append(piece("own", 0, head, whole), piece("own-rest", head, request.ms, whole));
  const what = element("div", { className: "what", role: "cell" }, element("span", { className: "url" }, "the request itself"));
  const took = element("div", { className: "took number", role: "cell" }, milliseconds(request.ms));
  const cell = element("div", { className: "cell", role: "cell" }, track);
  return element("div", { className: "call own", role: "row" }, what, cell, took);
}

function bar(call, number, nowMs, whole) {
  const isRunning = call.outcome === "running";
  const took = call.ms ?? Math.max(0, nowMs - call.begun_ms);
  const phases = phasesOf(call, took);
  const track = element("div", { className: "track" });
  for (const [name, from, to] of phases) {
    const part = piece(`phase-${name}`, call.begun_ms + from, call.begun_ms + to, whole);
    part.title = `${name} ${duration(to - from)}`;
    track.append(part);
  }
  if (call.outcome === "failed" || call.outcome === "abandoned") {
    const mark = element("i", { className: `mark-${call.outcome}`, title: call.outcome });
    mark.style.left = `${Math.min(99.5, (100 * (call.begun_ms + took)) / whole)}%`;
    track.append(mark);
  }
  const told = phases.map(([name, from, to]) => `${name} ${duration(to - from)}`).join(", ");
  track.setAttribute("role", "img");
  track.setAttribute("aria-label", `begun at ${duration(call.begun_ms)}: ${told || "nothing yet"}`);
  const [, origin, path] = /^([a-z]+:\/\/[^/?#]*)(.*)$/.exec(call.url) ?? [null, "", call.url];
  const url = element("span", { className: "url", title: call.url }, `${call.method} ${path || "/"}`);
  const what = element("div", { className: "what", role: "cell" }, element("span", { className: "nth" }, String(number)), url);
  what.append(element("div", { className: "notes" }, ...notes(call, origin, isRunning)));
  const row = element("div", { className: `call is-${call.outcome}`, role: "row" });
  row.append(what, element("div", { className: "cell", role: "cell" }, track));
  row.append(element("div", { className: "took number", role: "cell" }, milliseconds(took)));
  return row;
}

/** Where it went, its status, its connection, its size, and what went wrong. */
function notes(call, origin, isRunning) {
  const said = [];
  const note = (text, className = "") => said.push(element("span", { className }, text));
  if (call.status) note(String(call.status), `status-${Math.floor(call.status / 100)}`);
  if (call.reused !== undefined) note(call.reused ? "reused" : "new", call.reused ? "reused" : "new");
  if (call.version) note(call.version);
  if (call.received) note(bytes(call.received));
  if (origin) note(origin, "origin");
  if (isRunning) note("running", "status-running");
  if (call.outcome === "abandoned") note("abandoned", "abandoned");
  if (call.error) note(call.error, "failed");
  return said;
}

function piece(className, from, to, whole) {
  const part = element("i", { className });
  part.style.left = `${(100 * from) / whole}%`;
  part.style.width = `${(100 * Math.max(0, to - from)) / whole}%`;
  return part;
}

/** `[name, from, to]` of each phase it came to, in milliseconds since the call began; the last may be the one it ended in. */
export function phasesOf(call, took) {
  const moments = [
    ["queued", call.placed_ms],
    ["lookup", call.resolved_ms],
    ["connect", call.connected_ms],
    ["TLS", call.encrypted_ms],
    // On a used connection it waited for that one; on a new one, for the protocol to begin.
    [call.reused ? "queued" : "connect", call.ready_ms],
    ["head", call.head_ms],
    ["body", call.head_ms === undefined ? undefined : call.ms],
  ];
  const phases = [];
  let from = 0;
  for (const [name, to] of moments) {
    if (to === undefined) continue;
    const last = phases.at(-1);
    if (last?.[0] === name) last[2] = to;
    else phases.push([name, from, to]);
    from = to;
  }
  // What it was at when it ended, or is at now.
  if (took > from) phases.push([unfinished(call), from, took]);
  return phases;
}

function unfinished(call) {
  if (call.head_ms !== undefined) return "body";
  if (call.ready_ms !== undefined) return "head";
  if (call.connected_ms !== undefined) return call.url.startsWith("https:") && call.encrypted_ms === undefined ? "TLS" : "connect";
  return call.placed_ms === undefined ? "queued" : "connect";
}
