// The chart of one metric: windows with min and max, live readings, forecast with its band, anomalies, limits of rules.
import { el, fill, number } from "./dom.js";

const held = { chart: null, shape: "", limits: [] };
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const height = () => (innerWidth <= 700 ? 250 : 320);

export function forget() { held.chart?.destroy(); held.chart = null; }

export function resize() { held.chart?.setSize({ width: held.node.clientWidth - 16, height: height() }); }

export function clear(node, text) {
  forget();
  fill(node, el("p", { class: "empty" }, text));
}

export function draw(node, { windows, points, forecast = [], anomalies = [], limits = [] }) {
  const table = new Map();
  const put = (at, column, value) => { const row = table.get(at) ?? Array(8).fill(null); row[column] = value; table.set(at, row); };
  for (const [at, mean, min, max] of windows) { put(at, 0, mean); put(at, 1, min); put(at, 2, max); }
  for (const [at, value] of points) put(at, 3, value);
  for (const [at, value] of anomalies) put(at, 4, value);
  for (const [at, value, low, high] of forecast) { put(at, 5, value); put(at, 6, low); put(at, 7, high); }
  const times = [...table.keys()].sort((a, b) => a - b);
  const shown = [0, 1, 2, ...(points.length ? [3] : []), ...(anomalies.length ? [4] : []), ...(forecast.length ? [5, 6, 7] : [])];
  const data = [times, ...shown.map((column) => times.map((at) => table.get(at)[column]))];
  held.limits = limits;
  if (held.chart && held.shape === shown.join() && held.node === node) { held.chart.setData(data); return; }
  forget();
  fill(node);
  Object.assign(held, { node, shape: shown.join() });
  held.chart = new uPlot(options(node, shown), data, node);
}

function options(node, shown) {
  const axis = { stroke: css("--dim"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line") } };
  const line = (label, stroke, more = {}) => ({ label, stroke, width: 1.5, spanGaps: true, points: { show: false }, value: (_, value) => number(value), ...more });
  const series = [line("mean", css("--accent"), { width: 2 }), line("min", css("--dim"), { width: 0.7 }), line("max", css("--dim"), { width: 0.7 }), line("reading", css("--ok"), { width: 1, points: { show: true, size: 4, fill: css("--ok") } }),
    line("anomaly", css("--crit"), { width: 0, spanGaps: false, paths: () => null, points: { show: true, size: 10, fill: css("--crit") } }), line("forecast", css("--warn"), { width: 2, dash: [6, 4] }), line("low", css("--warn"), { width: 0.5 }), line("high", css("--warn"), { width: 0.5 })];
  const low = shown.indexOf(6) + 1;
  return {
    width: node.clientWidth - 16, height: height(), tzDate: (at) => uPlot.tzDate(new Date(at * 1e3), "UTC"),
    cursor: { drag: { x: true, y: false } },
    scales: { x: { range: (_, from, to) => wide(from, to) }, y: { range: (_, from, to) => range(from, to) } },
    axes: [{ ...axis, space: 90, values: (_, ticks) => ticks.map((at) => clock(at, ticks)) }, { ...axis, size: 56, values: (_, ticks) => ticks.map((at) => number(at)) }],
    series: [{ label: "UTC", value: (_, at) => (at ? new Date(at * 1000).toISOString().slice(5, 19).replace("T", " ") : "–") }, ...shown.map((column) => series[column])],
    bands: [{ series: [3, 2], fill: css("--band") }, ...(low ? [{ series: [low + 1, low], fill: css("--warnband") }] : [])],
    hooks: { draw: [limitLines] },
  };
}

// One moment alone would be drawn with years around it.
export const wide = (from, to) => (from !== null && from === to ? [from - 60, to + 60] : [from, to]);

// Room around the data, and limits where they are near: far ones must not press the curve flat.
function range(from, to) {
  if (from === null || to === null) return [0, 1];
  const span = to - from || Math.abs(to) * 0.1 || 1;
  let [low, high] = [from, to];
  for (const [, , limit] of held.limits) {
    if (limit > high && limit < to + span) high = limit;
    if (limit < low && limit > from - span) low = limit;
  }
  return [low - span * 0.08, high + span * 0.08];
}

function limitLines(chart) {
  const { ctx, bbox } = chart, ratio = devicePixelRatio;
  ctx.save();
  for (const [level, side, limit] of held.limits) {
    const y = chart.valToPos(limit, "y", true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = ctx.fillStyle = css(level === 2 ? "--crit" : "--warn");
    ctx.lineWidth = ratio;
    ctx.setLineDash([4 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    const text = `${level === 2 ? "critical" : "warning"} ${side} ${number(limit)}`, color = ctx.fillStyle;
    ctx.globalAlpha = 0.75;
    ctx.fillStyle = css("--card");
    ctx.fillRect(bbox.left + 2 * ratio, y - 15 * ratio, ctx.measureText(text).width + 4 * ratio, 14 * ratio);
    ctx.globalAlpha = 1;
    ctx.fillStyle = color;
    ctx.fillText(text, bbox.left + 4 * ratio, y - 4 * ratio);
  }
  ctx.restore();
}

function clock(at, ticks) {
  const text = new Date(at * 1000).toISOString(), span = ticks[ticks.length - 1] - ticks[0];
  return span > 172800 ? text.slice(5, 10) : span > 36000 ? text.slice(5, 16).replace("T", " ") : ticks[1] - ticks[0] < 60 ? text.slice(11, 19) : text.slice(11, 16);
}
