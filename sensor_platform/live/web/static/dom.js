// Small helpers to build the page. Text is always set as text, never as HTML: names come from devices.
export const $ = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.map((child) => (child instanceof Node ? child : document.createTextNode(String(child)))));
  return node;
}

export function fill(node, ...children) {
  node.replaceChildren(...children);
}

// Only where it differs: a node that a finger is on must not be replaced.
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function age(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 0) return "0 s";
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-3)) return value.toExponential(3);
  return Number(value.toPrecision(6)).toLocaleString("en");
}

// Four digits that matter, zeros at the end kept, so that a list does not jitter.
export function short(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-3)) return value.toExponential(2);
  const digits = Number.isInteger(value) ? 0 : size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function bytes(count) {
  const step = count >= 1073741824 ? [1073741824, "GiB"] : count >= 1048576 ? [1048576, "MiB"] : [1024, "KiB"];
  return `${number(Number((count / step[0]).toPrecision(3)))} ${step[1]}`;
}

export function time(micros) {
  return micros ? new Date(micros / 1000).toISOString().replace("T", " ").slice(0, 19) : "";
}

export function lasted(alarm) {
  return alarm.resolved_at ? age((alarm.resolved_at - alarm.fired_at) / 1e6) : "";
}

export function rows(id, lines, none = "") {
  const body = $(id).tBodies[0];
  if (!lines.length && none) fill(body, el("tr", {}, el("td", { class: "dim", colspan: 9 }, none)));
  else fill(body, ...lines.map((cells) => el("tr", {}, ...cells.map((cell) => (cell instanceof Node && cell.tagName === "TD" ? cell : el("td", {}, cell))))));
}

export function toast(text) {
  const node = $("toast");
  node.textContent = text;
  node.hidden = false;
  clearTimeout(node.timer);
  node.timer = setTimeout(() => { node.hidden = true; }, 4000);
}

export async function api(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { "x-requested-with": "sensor-platform", ...options.headers } });
  if (answer.status === 401) location.assign("/login");
  const body = await answer.json().catch(() => ({ error: answer.statusText }));
  if (!answer.ok && answer.status !== 503) throw new Error([body.error, body.hint].filter(Boolean).join(": "));
  return body;
}
