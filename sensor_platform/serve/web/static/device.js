// One device: its newest values, a chart of windows or readings with the forecast's band, and its alarms.
import { $, age, api, el, fill, number, rows, time } from "./dom.js";

const SPANS = { "15m": 900, "6h": 21600, "48h": 172800, "30d": 2592000, all: 0 };
const state = { id: null, metric: null, chart: null, points: [], timer: 0, metrics: "" };
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function startDevice() {
  $("metric").addEventListener("change", () => { state.metric = $("metric").value; load(); });
  $("span").addEventListener("change", load);
  addEventListener("resize", () => state.chart?.setSize({ width: $("chart").clientWidth - 16, height: 320 }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", load);
}

export function openDevice(id, tags) {
  state.id = id;
  state.metric = null;
  state.metrics = "";
  $("device-id").textContent = id;
  $("device-tags").textContent = Object.entries(tags ?? {}).map(([name, value]) => `${name}: ${value}`).join("  ·  ");
  rows("values", []);
  clear("waiting for values");
  alarmsOf();
  clearInterval(state.timer);
  state.timer = setInterval(() => { if (!$("device").hidden) { load(); alarmsOf(); } }, 10000);
}

export function closeDevice() { clearInterval(state.timer); state.id = null; }

export function updateDevice(latest, now) {
  const names = latest.map((each) => each.metric).join("\n");
  if (names !== state.metrics) {
    state.metrics = names;
    fill($("metric"), ...latest.map((each) => el("option", { value: each.metric }, each.metric)));
    state.metric = state.metric ?? latest[0]?.metric ?? null;
    if (state.metric !== null) $("metric").value = state.metric;
    load();
  }
  rows("values", latest.map((each) => [each.metric, el("td", { class: "n" }, number(each.value)), el("td", { class: each.verdict === "bad" ? "bad" : "" }, each.verdict), el("td", { class: "n" }, age((now - each.received_at) / 1e6))]));
  const mine = latest.find((each) => each.metric === state.metric);
  if (mine && mine.value !== null && mine.verdict !== "bad" && $("span").value === "15m" && state.chart) {
    const at = mine.event_at / 1e6;
    if (!state.points.length || at > state.points[state.points.length - 1][0]) { state.points.push([at, mine.value]); draw(); }
  }
}

async function load() {
  const { id, metric } = state;
  if (id === null || metric === null) return;
  const span = $("span").value, seconds = SPANS[span];
  const query = `device=${encodeURIComponent(id)}&metric=${encodeURIComponent(metric)}`;
  try {
    if (span === "15m") {
      const found = await api(`/api/recent?${query}&minutes=60`);
      if (id !== state.id || metric !== state.metric) return;
      const kept = state.key === `${id}\n${metric}` ? state.points : [];
      state.key = `${id}\n${metric}`;
      const windows = found.windows ?? [];
      const until = windows.length ? windows[windows.length - 1].last_at / 1e6 : 0;
      state.points = kept.filter(([at]) => at > until).slice(-2000);
      state.data = { kind: "windows", windows: windows.map((each) => [each.start / 1e6, each.mean, each.min, each.max]) };
      $("chart-note").textContent = windows.length ? "mean, with min and max; live readings at the end" : "no window has closed yet";
    } else {
      const newest = state.points[state.points.length - 1]?.[0] ?? Date.now() / 1000;
      const from = seconds ? newest - seconds : 0;
      const found = await api(`/api/history?${query}&from=${Math.max(0, Math.floor(from))}&to=${Math.ceil(newest) + 60}&window=${seconds ? "auto" : "1d"}&forecast=1`);
      if (id !== state.id || metric !== state.metric) return;
      const at = Object.fromEntries((found.columns ?? []).map((name, index) => [name, index]));
      state.points = [];
      state.data = { kind: "history", windows: (found.rows ?? []).map((row) => [row[at.at] / 1e6, row[at.mean], row[at.min], row[at.max]]), forecast: (found.forecast?.rows ?? []).map((row) => [row[0] / 1e6, row[1], row[2], row[3]]), anomalies: (found.anomalies?.rows ?? []).map((row) => [row[0] / 1e6, row[1]]) };
      $("chart-note").textContent = found.error ?? `windows of ${found.window}${state.data.forecast.length ? ", forecast with its interval" : ""}${state.data.anomalies.length ? `, ${state.data.anomalies.length} anomalous hours` : ""}`;
    }
    draw();
  } catch (error) {
    clear(error.message);
  }
}

function clear(text) {
  state.chart?.destroy();
  state.chart = null;
  state.data = null;
  state.points = [];
  fill($("chart"));
  $("chart-note").textContent = text;
}

function draw() {
  if (!state.data) return;
  const { windows, forecast = [], anomalies = [] } = state.data;
  const table = new Map();
  const put = (at, column, value) => { const row = table.get(at) ?? Array(8).fill(null); row[column] = value; table.set(at, row); };
  for (const [at, mean, min, max] of windows) { put(at, 0, mean); put(at, 1, min); put(at, 2, max); }
  for (const [at, value] of state.points) put(at, 3, value);
  for (const [at, value] of anomalies) put(at, 4, value);
  for (const [at, value, low, high] of forecast) { put(at, 5, value); put(at, 6, low); put(at, 7, high); }
  const times = [...table.keys()].sort((a, b) => a - b);
  const data = [times, ...[0, 1, 2, 3, 4, 5, 6, 7].map((column) => times.map((at) => table.get(at)[column]))];
  if (state.chart && state.shown === forecast.length > 0) { state.chart.setData(state.shown ? data : data.slice(0, 6)); return; }
  state.chart?.destroy();
  state.shown = forecast.length > 0;
  const shown = forecast.length > 0;
  const axis = { stroke: css("--dim"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line") } };
  const line = (label, stroke, more = {}) => ({ label, stroke, width: 1.5, spanGaps: true, points: { show: false }, value: (_, value) => number(value), ...more });
  state.chart = new uPlot({
    width: $("chart").clientWidth - 16, height: 320, tzDate: (at) => uPlot.tzDate(new Date(at * 1e3), "UTC"),
    cursor: { drag: { x: true, y: false } },
    axes: [{ ...axis, values: (_, ticks) => ticks.map((at) => clock(at, ticks)) }, { ...axis, size: 60 }],
    series: [{ label: "UTC" }, line("mean", css("--accent"), { width: 2 }), line("min", css("--dim"), { width: 0.7 }), line("max", css("--dim"), { width: 0.7 }),
      line("reading", css("--ok"), { width: 1, points: { show: true, size: 4 } }), line("anomaly", css("--crit"), { width: 0, spanGaps: false, paths: () => null, points: { show: true, size: 10, fill: css("--crit") } }), ...(shown ? [line("forecast", css("--warn"), { width: 2, dash: [6, 4] }), line("low", css("--warn"), { width: 0.5 }), line("high", css("--warn"), { width: 0.5 })] : [])],
    bands: [{ series: [3, 2], fill: css("--band") }, ...(shown ? [{ series: [8, 7], fill: css("--warnband") }] : [])],
  }, shown ? data : data.slice(0, 6), $("chart"));
}

function clock(at, ticks) {
  const text = new Date(at * 1000).toISOString(), span = ticks[ticks.length - 1] - ticks[0];
  return span > 172800 ? text.slice(5, 10) : span > 36000 ? text.slice(5, 16).replace("T", " ") : text.slice(11, 19).replace(/:00$/, "");
}

async function alarmsOf() {
  const found = await api(`/api/alerts?device=${encodeURIComponent(state.id)}`).catch(() => ({ alerts: [] }));
  rows("device-alarms", found.alerts.slice(0, 50).map((each) => [each.rule, each.metric, `${each.state}${each.verdict ? `, ${each.verdict}` : ""}`, time(each.fired_at), time(each.resolved_at)]));
}
