// Wires the views to the WebSocket. One connection, reconnected with growing pauses.
import { past, startAlarms, updateAlarms } from "./alarms.js";
import { closeDevice, openDevice, startDevice, updateAlarmsOf, updateDevice } from "./device.js";
import { $, api, put, time } from "./dom.js";
import { levels, numberOf, place, reload, standings, startFleet, update } from "./fleet.js";
import { checks, notice, startPipeline, updatePipeline } from "./pipeline.js";

const SIGNS = { degC: "°C", degF: "°F", degree_Celsius: "°C", percent: "%", ohm: "Ω", um: "µm", us: "µs" };
const VIEWS = ["fleet", "device", "alarms", "pipeline"];
const watch = { rows: [], device: null };
const known = { devices: 0, alarms: [], total: 0 };
let socket = null, pause = 500, newest = 0, isOutdated = false;

function tell() {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(watch));
}

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
  socket.onopen = () => {
    if (isOutdated) return location.reload(); // only now: while nobody answers, what is shown stays
    pause = 500; show("live"); tell(); if (newest) reload().then(route); };
  socket.onmessage = (event) => take(JSON.parse(event.data));
  socket.onclose = (event) => {
    isOutdated ||= event.code === 1012; // other settings, or the process stops: the next one may have others
    show("not connected, trying again", true); setTimeout(connect, pause); pause = Math.min(pause * 2, 15000); };
}

function show(text, bad = false) { $("link").textContent = text; $("link").className = bad ? "bad" : ""; document.body.classList.toggle("lost", bad); }

function take(news) {
  newest = Date.now();
  if (news.alarms) { known.alarms = news.alarms; known.total = news.alarm_n; levels(news.alarms); }
  updateAlarms(known.alarms, known.total, news.at);
  if (document.hidden) return; // title and icon say what matters; the rest is painted when somebody looks
  updateAlarmsOf(known.alarms, news.at);
  if (news.devices !== known.devices && Date.now() - (known.at ?? 0) > 1500) { known.devices = news.devices; known.at = Date.now(); reload().then(route); }
  update(news.rows ?? [], news.at);
  if (news.device) updateDevice(news.device, news.at);
  standings(news.counts);
  notice(news.counts, news.pipeline ?? {});
  put($("clock"), `${time(news.at).slice(11)} UTC`);
  updatePipeline(news.pipeline ?? {}, news.counts, news.predictions ?? []);
}

function route() {
  const [, view = "", id = ""] = location.hash.split("/");
  const name = { alarms: "alarms", pipeline: "pipeline", device: "device" }[view] ?? "fleet";
  for (const each of VIEWS) $(each).hidden = each !== name;
  for (const link of document.querySelectorAll("nav a")) link.dataset.view === name ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  const wanted = name === "device" ? decodeURIComponent(id) : null;
  if (wanted !== route.device) {
    route.device = wanted;
    if (wanted === null) closeDevice();
    else openDevice(wanted, numberOf(wanted)?.tags);
  }
  const device = wanted === null ? null : numberOf(wanted)?.number ?? null;
  if (device !== watch.device) { watch.device = device; tell(); }
  if (name === "fleet") place();
  if (name !== "fleet") scrollTo(0, 0);
  if (name === "alarms") past();
  if (name === "pipeline") checks();
}

const settings = await api("/api/settings").catch(() => ({ site: "Live", units: {}, runbooks: {} }));
settings.units = Object.fromEntries(Object.entries(settings.units ?? {}).map(([metric, unit]) => [metric, SIGNS[unit] ?? unit]));
$("site").textContent = settings.site;
document.title = `${settings.site} – live`;
startAlarms(settings);
startPipeline(settings);
startDevice(settings);
document.addEventListener("visibilitychange", () => { if (!document.hidden) tell(); });
addEventListener("hashchange", () => { route(); $("main").focus(); });
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || /INPUT|SELECT/.test(document.activeElement.tagName)) return;
  const to = { 1: "#/", 2: "#/alarms", 3: "#/pipeline" }[event.key] ?? (event.key === "Escape" && !$("device").hidden ? "#/" : null);
  if (to) location.hash = to;
});
setInterval(() => { if (newest && Date.now() - newest > 5000) show(`no news for ${Math.round((Date.now() - newest) / 1000)} s`, true); else if (newest && socket.readyState === WebSocket.OPEN) show("live"); if (!$("pipeline").hidden) checks(); }, 2000);
await startFleet((numbers) => { watch.rows = numbers; tell(); }, settings);
route();
connect();
