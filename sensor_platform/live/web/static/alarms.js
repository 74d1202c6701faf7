// Alarms: what is active, with its answers, and what was.
import { $, age, api, el, fill, lasted, put, rows, short, time, toast } from "./dom.js";

const LEVELS = ["ok", "warning", "critical"];
const DONE = { acknowledge: "acknowledged", confirm: "confirmed: it was real", reject: "rejected: a false alarm" };
const HINTS = { acknowledge: "Seen, somebody looks after it; no more reminders", confirm: "It was real: becomes a label for training", reject: "A false alarm: becomes a label for training" };
let known = { runbooks: {}, units: {} }, asked = 0;
const answered = new Map();

export function startAlarms(settings) { known = settings; }

export function updateAlarms(alarms, total, now) {
  const worst = Math.max(0, ...alarms.map((alarm) => alarm.level)), badge = $("alarm-count");
  badge.hidden = !total;
  put(badge, String(total));
  const title = `${total ? `(${total}) ` : ""}${known.site} – live`, icon = `/static/icon${worst ? "-alarm" : ""}.svg`;
  if (document.title !== title) document.title = title;
  if ($("icon").getAttribute("href") !== icon) $("icon").setAttribute("href", icon);
  list($("active"), alarms, now, total > alarms.length ? `and ${total - alarms.length} more` : total ? "" : "Nothing is in alarm.");
  if (!$("alarms").hidden && Date.now() - asked > 2000) past();
}

// The lines of a list of alarms; those that stay are kept, so that a click is never lost to an update.
export function list(node, alarms, now, rest = "") {
  const lines = new Map([...node.querySelectorAll(".alarm")].map((each) => [each.dataset.alert, each]));
  const wanted = alarms.map((alarm) => {
    const line = lines.get(alarm.alert_id) ?? make(alarm);
    paint(line, alarm, now);
    return line;
  });
  const more = node.querySelector(".rest") ?? el("p", { class: "rest dim" });
  put(more, rest);
  more.hidden = !rest;
  wanted.push(more);
  if (wanted.length !== node.children.length || wanted.some((each, at) => node.children[at] !== each)) {
    const focused = document.activeElement;
    fill(node, ...wanted);
    if (node.contains(focused)) focused.focus();
  }
}

function make(alarm) {
  const runbook = known.runbooks[alarm.rule];
  return el("div", { class: "alarm", "data-alert": alarm.alert_id },
    el("span", { class: "state" }),
    el("span", { class: "what" }, el("b", {}, alarm.rule), " · ", el("a", { href: `#/device/${encodeURIComponent(alarm.device_id)}` }, alarm.device_id), ` ${alarm.metric} `, el("b", { class: "now" }),
      el("br"), el("span", { class: "since dim" }), ...(runbook ? [el("span", { class: "runbook" }, runbook)] : [])),
    el("span", { class: "buttons" }, ...Object.keys(DONE).map((answer) => el("button", { class: answer, title: HINTS[answer], onclick: (event) => send(event.target, alarm, answer) }, answer))));
}

function paint(line, alarm, now) {
  const isSeen = alarm.state === "acknowledged", unit = known.units[alarm.metric];
  const look = `alarm l${alarm.level}${isSeen ? " seen" : ""}`;
  if (line.className !== look) line.className = look;
  const state = line.querySelector(".state");
  state.className = `state s${alarm.level}`;
  put(state, LEVELS[alarm.level]);
  put(line.querySelector(".now"), what(alarm, unit));
  const since = time(alarm.fired_at), isToday = since.slice(0, 10) === time(now).slice(0, 10);
  put(line.querySelector(".since"), `${isSeen ? "acknowledged, " : ""}firing for ${age((now - alarm.fired_at) / 1e6)}, since ${isToday ? since.slice(11) : since} UTC`);
  const said = answered.get(alarm.alert_id);
  for (const button of line.querySelectorAll("button")) {
    const answer = button.textContent;
    button.hidden = answer === "acknowledge" && isSeen;
    button.classList.toggle("main", answer === "acknowledge");
    button.setAttribute("aria-pressed", String(said === answer));
  }
}

// The value of an alarm is what its rule looks at: a reading, a number of readings, or seconds without any.
function what(alarm, unit) {
  if (alarm.value === null) return "";
  switch (known.kinds?.[alarm.rule]) {
    case "no_data": return age(alarm.value);
    case "count": return `${short(alarm.value)} readings`;
    case "threshold": case "stuck": case undefined: return `${short(alarm.value)}${unit ? ` ${unit}` : ""}`;
    default: return short(alarm.value);
  }
}

async function send(button, alarm, answer) {
  button.disabled = true;
  try {
    await api(`/api/alerts/${encodeURIComponent(alarm.alert_id)}/${answer}`, { method: "POST" });
    if (answer !== "acknowledge") answered.set(alarm.alert_id, answer);
    button.setAttribute("aria-pressed", "true");
    toast(`${alarm.rule}, ${alarm.device_id}: ${DONE[answer]}`);
    past();
  } catch (error) { toast(error.message); }
  button.disabled = false;
}

export async function past() {
  asked = Date.now();
  const found = await api("/api/alerts").catch(() => ({ alerts: [] }));
  rows("past", found.alerts.slice(0, 200).map((each) => [`${each.rule}${each.highest === 2 ? " (critical)" : ""}`, el("td", {}, el("a", { href: `#/device/${encodeURIComponent(each.device_id)}` }, each.device_id), ` ${each.metric}`), each.state, time(each.fired_at), el("td", { class: "n" }, lasted(each)), each.verdict]), "No alarm yet. Rules are in rules.yaml of the site folder.");
}
