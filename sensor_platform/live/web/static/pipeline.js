// How the rest of the platform is.
import { $, age, api, bytes, el, fill, number, put, rows, time } from "./dom.js";

let dagster = "", most = 0;
export function startPipeline(settings) { dagster = (settings.dagster_url ?? "").replace(/\/$/, ""); most = settings.most_series ?? 0; }

const tile = (text, value, kind = "", title = null) => el("div", { class: `tile ${kind}`, title }, text, el("b", {}, value));

// What people must know wherever they are: said once, at the top.
export function notice(counts, pipeline) {
  const said = [...(pipeline.faults ?? [])];
  if (counts.refused_series) said.push(`More than ${number(most)} series (live.engine.most_series): ${number(counts.refused_series)} readings of new ones are not followed here. They land all the same.`);
  if (counts.lag_seconds > 5) said.push(`Catching up: what is shown is ${age(counts.lag_seconds)} old.`);
  if (counts.gaps) said.push("Some messages were gone before they were followed; windows and alarms began afresh there. The tables have them.");
  $("notice").hidden = !said.length;
  $("notice").classList.toggle("fault", Boolean(pipeline.faults?.length));
  put($("notice"), said.join(" "));
}

export function updatePipeline(pipeline, counts, predictions) {
  if ($("pipeline").hidden) return;
  const ledger = pipeline.ledger ?? {}, total = ledger.messages || 1, ack = pipeline.ack ?? {};
  fill($("flow"), ...Object.entries(pipeline.states ?? {}).map(([name, state]) => tile(name, state, state === "connected" ? "ok" : "crit")),
    tile("messages / s", number(Math.round(counts.messages_per_second ?? 0))),
    tile("acknowledged within", ack.p99 ? `${number(ack.p99 * 1000)} ms` : ack.p99 === null ? "over 1 s" : "–", ack.p99 === null || ack.p99 > 0.05 ? "warn" : "", "99 of 100 commits of the last minutes: from reading a message to its fsync and answer"),
    tile("live step", `${number(Number((counts.step_milliseconds ?? 0).toPrecision(2)))} ms`, "", "decode, judge, windows, rules and store of one batch"),
    tile("lander", !pipeline.lander || pipeline.lander === "unknown" ? "–" : pipeline.lander), tile("segments to land", number(pipeline.pending_segments ?? 0), pipeline.pending_segments > 10 ? "warn" : "ok"),
    tile("landed", number(ledger.landed ?? 0)), tile("quarantined", `${number(Number((((ledger.quarantined ?? 0) / total) * 100).toPrecision(2)))} %`, ledger.quarantined > 0.05 * total ? "warn" : ""),
    tile("duplicates", number(ledger.duplicate ?? 0)), tile("waiting in the WAL", bytes(pipeline.wal_bytes ?? 0)),
    tile("bad readings", number(counts.bad ?? 0)), tile("too late for windows", number(counts.too_late ?? 0)), tile("forecasts published", number(pipeline.predictions ?? 0)));
  const now = Date.now() / 1000;
  const link = (layer) => (dagster ? el("a", { href: `${dagster}/assets/${encodeURIComponent(layer)}`, rel: "noopener" }, "asset in Dagster") : "");
  rows("layers", Object.entries(pipeline.newest ?? {}).map(([layer, at]) => [layer, el("td", { class: "n" }, age(now - at)), el("td", {}, link(layer))]), "Nothing has landed yet.");
  rows("predictions", [...predictions].reverse().map((each) => {
    const name = each.id.slice(0, -`-${each.window_start}`.length), chance = each[`${name} confidence`];
    return [el("td", {}, el("a", { href: `#/device/${encodeURIComponent(each.group)}` }, each.group)), name, `${each.class ?? number(each[name])}${chance === undefined ? "" : `, ${Math.round(chance * 100)} %`}`, time(each.window_start)];
  }), "No prediction was asked for by data yet (live.triggers).");
  rows("refused", Object.entries(pipeline.quarantined ?? {}).map(([rule, count]) => [rule, el("td", { class: "n" }, number(count))]), "Nothing was refused.");
}

export async function checks() {
  const found = await api("/readyz").catch(() => ({ checks: {} }));
  rows("checks", Object.entries(found.checks ?? {}).map(([name, check]) => [name, el("td", { class: { ok: "s0", waiting: "dim" }[check.state] ?? "bad" }, check.state), check.detail]));
}
