// Alarms: what is active, with its answers, and what was.
import { $, api, el, fill, number, rows, time, toast } from "./dom.js";

const LEVELS = ["", "warning", "critical"];
let runbooks = {};

export function startAlarms(books) { runbooks = books; }

export function updateAlarms(alarms, total) {
  const badge = $("alarm-count");
  badge.hidden = !total;
  badge.textContent = total;
  const focused = document.activeElement?.dataset?.key;
  fill($("active"), ...(alarms.length ? alarms.map(line) : [el("p", { class: "dim" }, "Nothing is in alarm.")]));
  if (total > alarms.length) $("active").append(el("p", { class: "dim" }, `and ${total - alarms.length} more`));
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  if (!$("alarms").hidden) past();
}

function line(alarm) {
  const runbook = runbooks[alarm.rule];
  return el("div", { class: `alarm l${alarm.level}${alarm.state === "acknowledged" ? " seen" : ""}`, "data-alert": alarm.alert_id },
    el("span", { class: `state s${alarm.level}` }, LEVELS[alarm.level]),
    el("span", { class: "what" }, el("b", {}, alarm.rule), " · ", el("a", { href: `#/device/${encodeURIComponent(alarm.device_id)}` }, alarm.device_id), ` ${alarm.metric} `, alarm.value === null ? "" : el("b", {}, number(alarm.value)),
      el("br"), el("span", { class: "dim" }, `${alarm.state} since ${time(alarm.fired_at)} UTC`), ...(runbook ? [el("br"), el("span", {}, runbook)] : [])),
    el("span", { class: "buttons" }, ...(alarm.state === "acknowledged" ? [] : [button(alarm, "acknowledge", "main")]), button(alarm, "confirm"), button(alarm, "reject")));
}

function button(alarm, answer, kind = "") {
  return el("button", { class: kind, "data-key": `${alarm.alert_id} ${answer}`, onclick: () => send(alarm.alert_id, answer) }, answer);
}

async function send(id, answer) {
  try {
    await api(`/api/alerts/${encodeURIComponent(id)}/${answer}`, { method: "POST" });
    toast(`${answer}: done`);
    past();
  } catch (error) { toast(error.message); }
}

export async function past() {
  const found = await api("/api/alerts").catch(() => ({ alerts: [] }));
  rows("past", found.alerts.slice(0, 200).map((each) => [`${each.rule}${each.highest === 2 ? " (critical)" : ""}`, el("td", {}, el("a", { href: `#/device/${encodeURIComponent(each.device_id)}` }, each.device_id), ` ${each.metric}`), each.state, time(each.fired_at), time(each.resolved_at), each.verdict]));
}
