// The overview: how many stand how, and a virtual list. Only the visible rows exist, and only they are asked for.
import { $, age, api, el, fill, number, put, short } from "./dom.js";

const state = { all: [], shown: [], rows: new Map(), nodes: new Map(), selected: 0, watch: () => {}, now: 0, units: {}, silent: 300, only: "", counts: {}, asked: 0, fit: 3, width: 0 };
const STANDINGS = [["critical", "crit"], ["warning", "warn"], ["silent", ""], ["ok", "ok"]];
const height = () => (matchMedia("(max-width: 700px)").matches ? 60 : 44);
const LEVELS = ["ok", "warning", "critical"];
const names = new Intl.Collator("en", { numeric: true }); // made once: localeCompare with options took 0.2 s for 5,000 names

export function startFleet(watch, settings) {
  state.watch = watch;
  state.units = settings.units ?? {};
  state.silent = settings.silent_seconds ?? 300;
  if (settings.windows?.length) $("trend-head").textContent = `trend, ${settings.trend_windows} × ${settings.windows[0]}`;
  $("trend-head").title = "Means of the first value in its newest windows; windows without a value are left out";
  fill($("standings"), ...STANDINGS.map(([name, kind]) => el("button", { class: `tile ${kind}`, id: `only-${name}`, "aria-pressed": "false", title: `Show only these: ${name}`, onclick: () => only(name) }, name, el("b", {}, "–"))),
    el("div", { class: "tile" }, "messages / s", el("b", { id: "rate" }, "–")), el("div", { class: "tile", id: "behind-tile" }, "behind", el("b", { id: "behind" }, "–")));
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

function only(name) {
  state.only = state.only === name ? "" : name;
  for (const [each] of STANDINGS) $(`only-${each}`).setAttribute("aria-pressed", String(each === state.only));
  $("list").scrollTop = 0;
  state.selected = 0;
  reload();
}

// The tiles; a list that shows only some is asked for again when their number changes.
export function standings(counts) {
  for (const [name, kind] of STANDINGS) {
    put($(`only-${name}`).lastChild, number(counts[name] ?? 0));
    $(`only-${name}`).className = `tile ${counts[name] ? kind : ""}`;
  }
  put($("rate"), number(Math.round(counts.messages_per_second ?? 0)));
  put($("behind"), counts.lag_seconds > 1 ? age(counts.lag_seconds) : "no");
  $("behind-tile").className = `tile ${counts.lag_seconds > 5 ? "warn" : "ok"}`;
  const isOther = state.only && counts[state.only] !== state.counts[state.only];
  if (isOther && Date.now() - state.asked > 1500) { state.counts = counts; reload(); }
}

export async function reload() {
  state.asked = Date.now();
  const found = await api(`/api/devices?search=${encodeURIComponent($("search").value)}&state=${state.only}`);
  state.all = found.devices.map(([number, id, level, tags]) => ({ number, id, level, tags }));
  const more = found.total - state.all.length;
  put($("found"), `${number(found.total)} ${found.total === 1 ? "device" : "devices"}${state.only ? `, ${state.only} only` : ""}${more > 0 ? `, ${number(state.all.length)} of them shown: search for others` : ""}`);
  $("nobody").hidden = state.all.length > 0;
  put($("nobody"), $("search").value || state.only ? "No device is like that." : "No device has sent anything yet. As soon as one does, it is here.");
  order();
}

function order() {
  const byId = (a, b) => names.compare(a.id, b.id);
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
        el("span", { class: "state" }), el("span", { class: "id" }, shortened(device.id)), el("span", { class: "values" }), el("span", { class: "n age" }), spark());
      node.children[1].title = [shortened(device.id), ...Object.entries(device.tags).map(([name, value]) => `${name}: ${value}`)].join("\n");
      state.nodes.set(device.number, node);
      $("space").append(node);
    }
    if (state.width !== innerWidth) Object.assign(state, { width: innerWidth, fit: fitting(node.children[2]) });
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

// How many values a row has room for, beside the number of those that it has not.
function fitting(values) {
  const size = parseFloat(getComputedStyle(document.documentElement).fontSize) * (height() === 60 ? 7 : 11.5);
  return Math.max(1, Math.floor((values.clientWidth - (height() === 60 ? 80 : 30)) / (size + 12)));
}

function paint(device, node) {
  const row = state.rows.get(device.number);
  const [status, , values, old, trend] = node.children;
  const seconds = row ? (state.now - row.received_at) / 1e6 : NaN;
  const word = device.level ? LEVELS[device.level] : row?.state || (seconds > state.silent ? "silent" : "ok");
  if (status.textContent !== word) { status.textContent = word; status.className = `state s${device.level}${!device.level && word !== "ok" && word !== "online" ? " stale" : ""}`; }
  put(old, row ? age(seconds) : "");
  if (!row || (node.seen === row && node.fit === state.fit)) return;
  Object.assign(node, { seen: row, fit: state.fit });
  const shown = row.values.slice(0, state.fit), more = row.metric_n - shown.length;
  fill(values, ...shown.map((each) => el("span", { class: `value${each.verdict === "bad" ? " bad" : ""}` }, el("span", { class: "name" }, each.metric), short(each.value), ...unit(each))),
    ...(more > 0 ? [el("span", { class: "more dim" }, `+${more}`)] : []));
  trend.firstChild.setAttribute("d", path(row.spark));
}

const unit = ({ metric, value }) => (value !== null && state.units[metric] ? [el("span", { class: "unit" }, ` ${state.units[metric]}`)] : []);
const shortened = (id) => (id.length > 200 ? `${id.slice(0, 200)}…` : id);

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
