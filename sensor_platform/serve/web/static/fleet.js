// The overview: a virtual list. Only the visible rows exist, and only they are asked for.
import { $, age, api, el, fill, number } from "./dom.js";

const state = { all: [], shown: [], rows: new Map(), nodes: new Map(), selected: 0, watch: () => {}, now: 0, units: {} };
const height = () => (matchMedia("(max-width: 700px)").matches ? 60 : 44);
const LEVELS = ["ok", "warning", "critical"];

export function startFleet(watch, units) {
  state.watch = watch;
  state.units = units;
  $("list").addEventListener("scroll", () => requestAnimationFrame(place), { passive: true });
  addEventListener("resize", place);
  $("search").addEventListener("input", () => { clearTimeout(state.typing); state.typing = setTimeout(reload, 200); });
  $("sort").addEventListener("change", order);
  $("list").addEventListener("keydown", keys);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/INPUT|SELECT/.test(document.activeElement.tagName)) { event.preventDefault(); $("search").focus(); }
  });
  return reload();
}

export async function reload() {
  const found = await api(`/api/devices?search=${encodeURIComponent($("search").value)}`);
  state.all = found.devices.map(([number, id, level, tags]) => ({ number, id, level, tags }));
  const more = found.total - state.all.length;
  $("found").textContent = `${found.total.toLocaleString("en")} devices${more > 0 ? `, the first ${state.all.length.toLocaleString("en")} shown: search for others` : ""}`;
  order();
}

function order() {
  const byId = (a, b) => a.id.localeCompare(b.id, "en", { numeric: true });
  state.shown = [...state.all].sort($("sort").value === "alarm" ? (a, b) => b.level - a.level || byId(a, b) : byId);
  place();
}

export function levels(alarms) {
  const found = new Map();
  for (const alarm of alarms) found.set(alarm.device_id, Math.max(found.get(alarm.device_id) ?? 0, alarm.level));
  let changed = false;
  for (const device of state.all) {
    const level = found.get(device.id) ?? 0;
    if (level !== device.level) { device.level = level; changed = true; }
  }
  if (changed) order();
}

export function place() {
  if ($("fleet").hidden) return;
  const list = $("list"), size = height();
  $("space").style.height = `${state.shown.length * size}px`;
  const first = Math.max(0, Math.floor(list.scrollTop / size) - 4);
  const last = Math.min(state.shown.length, Math.ceil((list.scrollTop + list.clientHeight) / size) + 4);
  const wanted = new Set();
  for (let at = first; at < last; at += 1) {
    const device = state.shown[at];
    wanted.add(device.number);
    let node = state.nodes.get(device.number);
    if (!node) {
      node = el("div", { class: "row", role: "option", id: `d${device.number}`, onclick: () => open(device) },
        el("span", { class: "state" }), el("span", { class: "id" }, device.id), el("span", { class: "values" }), el("span", { class: "n age" }), spark());
      node.children[1].title = [device.id, ...Object.entries(device.tags).map(([name, value]) => `${name}: ${value}`)].join("\n");
      state.nodes.set(device.number, node);
      $("space").append(node);
    }
    node.style.top = `${at * size}px`;
    node.setAttribute("aria-selected", String(at === state.selected));
    paint(device, node);
  }
  for (const [number, node] of state.nodes) if (!wanted.has(number)) { node.remove(); state.nodes.delete(number); }
  const key = [...wanted].join();
  if (key !== state.key) { state.key = key; state.watch([...wanted]); }
}

export function update(rows, now) {
  state.now = now;
  for (const row of rows) state.rows.set(row.number, row);
  if ($("fleet").hidden) return;
  for (const device of state.shown) { const node = state.nodes.get(device.number); if (node) paint(device, node); }
}

function paint(device, node) {
  const row = state.rows.get(device.number);
  const [status, , values, old, trend] = node.children;
  const seconds = row ? (state.now - row.received_at) / 1e6 : NaN;
  const word = device.level ? LEVELS[device.level] : row?.state || (seconds > 300 ? "silent" : "ok");
  if (status.textContent !== word) { status.textContent = word; status.className = `state s${device.level}${word === "silent" || word === "offline" ? " stale" : ""}`; }
  old.textContent = row ? age(seconds) : "";
  if (!row || node.seen === row) return;
  node.seen = row;
  fill(values, ...row.values.map((each) => el("span", { class: `value${each.verdict === "bad" ? " bad" : ""}` }, el("span", { class: "name" }, each.metric), number(each.value), each.value !== null && state.units[each.metric] ? ` ${state.units[each.metric]}` : "")),
    ...(row.metric_n > row.values.length ? [el("span", { class: "dim" }, `+${row.metric_n - row.values.length}`)] : []));
  trend.firstChild.setAttribute("d", path(row.spark));
}

function spark() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
  return svg;
}

function path(values) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return "";
  const low = Math.min(...known), span = Math.max(...known) - low || 1;
  let pen = "M";
  return values.map((value, at) => {
    if (value === null) { pen = "M"; return ""; }
    const step = `${pen}${((at / (values.length - 1)) * 100).toFixed(1)} ${(27 - ((value - low) / span) * 24).toFixed(1)}`;
    pen = "L";
    return step;
  }).join("");
}

function open(device) { location.hash = `#/device/${encodeURIComponent(device.id)}`; }

function keys(event) {
  const page = Math.floor($("list").clientHeight / height());
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
  if (event.key === "Enter" && state.shown[state.selected]) open(state.shown[state.selected]);
  if (step === undefined) return;
  event.preventDefault();
  state.selected = Math.min(state.shown.length - 1, Math.max(0, state.selected + step));
  const top = state.selected * height(), list = $("list");
  if (top < list.scrollTop) list.scrollTop = top;
  if (top + height() > list.scrollTop + list.clientHeight) list.scrollTop = top + height() - list.clientHeight;
  place();
  list.setAttribute("aria-activedescendant", `d${state.shown[state.selected].number}`);
}

export const numberOf = (id) => state.all.find((device) => device.id === id);
