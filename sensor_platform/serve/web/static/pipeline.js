// How the rest of the platform is.
import { $, age, api, el, fill, number, rows } from "./dom.js";

let dagster = "";
export function startPipeline(url) { dagster = url; }

const tile = (text, value, kind = "") => el("div", { class: `tile ${kind}` }, text, el("b", {}, value));

export function updateTiles(counts, devices, alarms) {
  const worst = alarms.some((alarm) => alarm.level === 2) ? "crit" : alarms.length ? "warn" : "ok";
  fill($("tiles"), tile("devices", devices.toLocaleString("en")), tile("active alarms", alarms.total ?? alarms.length, worst), tile("messages / s", number(Math.round(counts.messages_per_second ?? 0))),
    tile("readings", number(counts.readings ?? 0)), tile("bad readings", number(counts.bad ?? 0)), tile("behind", counts.lag_seconds > 1 ? age(counts.lag_seconds) : "no", counts.lag_seconds > 5 ? "warn" : "ok"));
}

export function updatePipeline(pipeline, counts) {
  if ($("pipeline").hidden) return;
  const ledger = pipeline.ledger ?? {};
  const total = ledger.messages || 1;
  fill($("flow"), ...Object.entries(pipeline.states ?? {}).map(([name, state]) => tile(name, state, state === "connected" ? "ok" : "crit")),
    tile("messages / s", number(Math.round(counts.messages_per_second ?? 0))), tile("step", `${number(counts.step_milliseconds ?? 0)} ms`), tile("lander", pipeline.lander), tile("segments waiting", pipeline.pending_segments, pipeline.pending_segments > 10 ? "warn" : "ok"),
    tile("landed", number(ledger.landed ?? 0)), tile("quarantined", `${number(((ledger.quarantined ?? 0) / total) * 100)} %`), tile("duplicates", number(ledger.duplicate ?? 0)), tile("WAL", `${number((pipeline.wal_bytes ?? 0) / 1048576)} MiB`),
    tile("too late for windows", number(counts.too_late ?? 0)), tile("predictions", number(pipeline.predictions ?? 0)));
  const now = Date.now() / 1000;
  rows("layers", Object.entries(pipeline.newest ?? {}).map(([layer, at]) => [layer, el("td", { class: "n" }, age(now - at)), el("td", {}, dagster ? el("a", { href: `${dagster}/assets/${encodeURIComponent(layer)}`, rel: "noopener" }, "asset in Dagster") : "")]));
  rows("refused", Object.entries(pipeline.quarantined ?? {}).map(([rule, count]) => [rule, el("td", { class: "n" }, number(count))]));
}

export async function checks() {
  const found = await api("/readyz").catch(() => ({ checks: {} }));
  rows("checks", Object.entries(found.checks ?? {}).map(([name, check]) => [name, el("td", { class: check.ok ? "s0" : "bad" }, check.ok ? "yes" : "no"), check.detail]));
}
