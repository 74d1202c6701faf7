// One device: its state and alarms, its newest values, and a chart of one metric (chart.js).
import { list } from "./alarms.js";
import { clear, draw, forget, resize } from "./chart.js";
import { $, age, api, el, fill, lasted, number, put, rows, time } from "./dom.js";

const SPANS = [["15m", "15 min", 900], ["6h", "6 h", 21600], ["48h", "2 days", 172800], ["30d", "30 days", 2592000], ["all", "all", 0]];
const state = { id: null, metric: null, span: "15m", points: [], timer: 0, units: {}, alarms: [], silent: 300, heard: 0 };

export function startDevice(settings) {
  state.units = settings.units ?? {};
  state.silent = settings.silent_seconds ?? 300;
  fill($("spans"), ...SPANS.map(([name, text]) => el("button", { "data-span": name, "aria-pressed": String(name === state.span), onclick: () => span(name) }, text)));
  addEventListener("resize", resize);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { forget(); load(); });
}

export function openDevice(id, tags) {
  Object.assign(state, { id, metric: null, points: [], data: null, alarms: [], heard: 0 });
  put($("device-id"), id.length > 500 ? `${id.slice(0, 500)}…` : id);
  put($("device-tags"), Object.entries(tags ?? {}).map(([name, value]) => `${name}: ${value}`).join("  ·  "));
  rows("values", [], "Waiting for values.");
  nothing("Waiting for values.");
  standing();
  alarmsOf();
  clearInterval(state.timer);
  state.timer = setInterval(() => { if (!$("device").hidden) { load(); alarmsOf(); } }, 10000);
}

export function closeDevice() { clearInterval(state.timer); state.id = null; }

function span(name) {
  state.span = name;
  for (const each of $("spans").children) each.setAttribute("aria-pressed", String(each.dataset.span === name));
  load();
}

function choose(metric) {
  state.metric = metric;
  state.points = [];
  for (const row of $("values").tBodies[0].rows) row.classList.toggle("chosen", row.dataset.metric === metric);
  load();
}

export function updateAlarmsOf(alarms, now) {
  if (state.id === null) return;
  state.alarms = alarms.filter((alarm) => alarm.device_id === state.id);
  list($("device-active"), state.alarms, now);
  standing(now);
}

function standing(now = 0) {
  const level = Math.max(0, ...state.alarms.map((alarm) => alarm.level));
  const isSilent = state.heard && now - state.heard > state.silent * 1e6;
  put($("device-state"), level ? ["", "warning", "critical"][level] : isSilent ? "silent" : state.heard ? "ok" : ""); // of whom nothing is known, nothing is said
  $("device-state").className = `state s${level}${!level && isSilent ? " stale" : ""}`;
}

export function updateDevice(latest, now) {
  if (!latest.length || state.id !== latest[0].device_id) return;
  const body = $("values").tBodies[0];
  if ([...body.rows].map((row) => row.dataset.metric).join("\n") !== latest.map((each) => each.metric).join("\n")) {
    fill(body, ...latest.map((each) => el("tr", { "data-metric": each.metric }, el("td", {}, el("button", { onclick: () => choose(each.metric), title: "Show in the chart" }, each.metric)), el("td", { class: "n" }), el("td", { class: "n" }))));
    choose(state.metric ?? inAlarm(latest) ?? latest[0].metric);
  }
  latest.forEach((each, at) => {
    const [, value, old] = body.rows[at].cells, unit = state.units[each.metric];
    put(value, `${number(each.value)}${each.value !== null && unit ? ` ${unit}` : ""}${each.verdict === "good" ? "" : ` (${each.verdict})`}`);
    value.classList.toggle("bad", each.verdict === "bad");
    put(old, age((now - each.received_at) / 1e6));
  });
  state.heard = Math.max(...latest.map((each) => each.received_at));
  const mine = latest.find((each) => each.metric === state.metric);
  if (mine && mine.value !== null && mine.verdict !== "bad" && state.span === "15m") {
    const at = mine.event_at / 1e6;
    if (!state.points.length || at > state.points[state.points.length - 1][0]) { state.points.push([at, mine.value]); show(); }
  }
}

// What somebody comes for first: the metric that is in the worst alarm.
function inAlarm(latest) {
  const worst = [...state.alarms].sort((a, b) => b.level - a.level).find((alarm) => latest.some((each) => each.metric === alarm.metric));
  return worst?.metric;
}

function show() {
  if (!state.data) return;
  const unit = state.units[state.metric];
  put($("chart-title"), `${state.metric}${unit ? `, ${unit}` : ""}`);
  draw($("chart"), { ...state.data, points: state.points });
}

function nothing(text) {
  state.data = null;
  put($("chart-title"), state.metric ?? "");
  clear($("chart"), text);
  put($("chart-note"), "");
}

async function load() {
  const { id, metric, span } = state, seconds = SPANS.find(([name]) => name === span)[2];
  if (id === null || metric === null) return;
  const query = `device=${encodeURIComponent(id)}&metric=${encodeURIComponent(metric)}`;
  try {
    const found = await (span === "15m" ? recent(query) : past(query, seconds));
    if (id !== state.id || metric !== state.metric || span !== state.span) return;
    const { note, ...data } = found;
    state.data = data;
    const last = data.windows[data.windows.length - 1];
    state.points = span === "15m" ? state.points.filter(([at]) => !last || at > last[4]).slice(-2000) : [];
    if (!data.windows.length && !state.points.length && span !== "15m") nothing(note);
    else { show(); put($("chart-note"), note); }
  } catch (error) {
    nothing(error.message);
  }
}

async function recent(query) {
  const found = await api(`/api/recent?${query}&minutes=15`), windows = found.windows ?? [];
  // a window stands at its middle: that is the time that its mean is about
  return { windows: windows.map((each) => [(each.first_at + each.last_at) / 2e6, each.mean, each.min, each.max, each.last_at / 1e6]), limits: found.limits,
    note: windows.length ? "Mean with min and max of each window; readings as they come at the end. Times are UTC." : "No window has closed yet; readings as they come. Times are UTC." };
}

async function past(query, seconds) {
  const newest = state.heard ? state.heard / 1e6 : Date.now() / 1000;
  const found = await api(`/api/history?${query}&from=${seconds ? Math.max(0, Math.floor(newest - seconds)) : 0}&to=${Math.ceil(newest) + 60}&window=${seconds ? "auto" : "1d"}&forecast=1`);
  const at = Object.fromEntries((found.columns ?? []).map((name, index) => [name, index]));
  const data = { windows: (found.rows ?? []).map((row) => [row[at.at] / 1e6, row[at.mean], row[at.min], row[at.max], row[at.at] / 1e6]), limits: found.limits,
    forecast: (found.forecast?.rows ?? []).map((row) => [row[0] / 1e6, row[1], row[2], row[3]]), anomalies: (found.anomalies?.rows ?? []).map((row) => [row[0] / 1e6, row[1]]) };
  const more = `${data.forecast.length ? ", forecast with its interval" : ""}${data.anomalies.length ? `, ${data.anomalies.length} anomalous hours` : ""}`;
  return { ...data, note: found.error ?? (data.windows.length ? `Mean with min and max of windows of ${found.window}${more}. Times are UTC.` : "Nothing is published of that time yet.") };
}

async function alarmsOf() {
  const found = await api(`/api/alerts?device=${encodeURIComponent(state.id)}`).catch(() => ({ alerts: [] }));
  rows("device-alarms", found.alerts.slice(0, 50).map((each) => [`${each.rule}${each.highest === 2 ? " (critical)" : ""}`, each.metric, `${each.state}${each.verdict ? `, ${each.verdict}` : ""}`, time(each.fired_at), el("td", { class: "n" }, lasted(each))]), "None yet.");
}
