// Elements and texts. What the server tells becomes text, never markup: a URL or a header may say anything.

/** An element with properties and children; a child that is no element becomes text, none is left out. */
export function element(name, properties, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (key.includes("-") || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** The element of the page with this id. */
export const byId = (id) => document.getElementById(id);

/** Writes a text where it has changed: what is selected or read aloud stays as it is. */
export function say(where, text) {
  if (where.textContent !== text) where.textContent = text;
}

/** Milliseconds with as many places as matter. */
export function milliseconds(ms) {
  if (ms === null || ms === undefined) return "";
  if (ms >= 10000) return `${(ms / 1000).toFixed(1)} s`;
  return ms.toFixed(ms >= 100 ? 0 : 1);
}

/** The same with its unit. */
export const duration = (ms) => (ms >= 10000 ? milliseconds(ms) : `${milliseconds(ms)} ms`);

/** The time of day of a moment, which is given in milliseconds since 1970. */
export function timeOfDay(at) {
  const date = new Date(at);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two);
  return `${hours}:${minutes}:${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** A moment with its date, unless that is today's. */
export function moment(at, now) {
  const date = new Date(at);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} `;
  const time = timeOfDay(at).slice(0, 8);
  return date.toDateString() === new Date(now).toDateString() ? time : day + time;
}

/** A time that passes, in its two largest units. */
export function span(ms) {
  const seconds = Math.round(ms / 1000);
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  let left = seconds;
  const parts = [];
  for (const [unit, size] of units.slice(first, first + 2)) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count) parts.push(`${count} ${unit}`);
  }
  return parts.join(" ");
}

/** Bytes for people. */
export function bytes(count) {
  if (count < 1024) return `${count} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let size = count;
  let unit = -1;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size.toFixed(1)} ${units[unit]}`;
}

/** `1 call`, `2 calls`. */
export const many = (count, one, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;

/** A request's status as a word with a colour. */
export function statusOf(request) {
  if (request.status) return element("span", { className: `status-${Math.floor(request.status / 100)}` }, String(request.status));
  const word = request.outcome === "running" ? "running" : "none";
  return element("span", { className: `status-${word}` }, word);
}
