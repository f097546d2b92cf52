// One request, large: the lamp, its steps, what was meant, the program, and the program that ran before.
"use strict";

const detail = { pane: null, place: 0, row: null, player: null, before: null };

function openDetail(pane, place) {
  Object.assign(detail, { pane, place, row: pane.rows[place] });
  if (!byId("detail").open) byId("detail").showModal();
  showDetail();
  remember(detail.row.id);
}

function openRow(id) {
  if (!id) return;
  for (const pane of state.panes) {
    const place = pane.rows.findIndex((row) => row.id === id);
    if (place >= 0) return openDetail(pane, place);
  }
}

function closeDetail() {
  if (byId("detail").open) byId("detail").close();
}

function go(by) {
  const place = detail.place + by;
  if (place >= 0 && place < detail.pane.rows.length) openDetail(detail.pane, place);
}

function onDetailKey(event, typing) {
  if (typing) return;
  if (event.key === "ArrowLeft") handled(event, () => go(-1));
  if (event.key === "ArrowRight") handled(event, () => go(1));
  if (event.key === " " && !event.target.matches("button")) handled(event, toggle);
}

// What is shown --------------------------------------------------------------------------------------------------

function showDetail() {
  const { row } = detail;
  byId("detailPrompt").textContent = row.prompt;
  const tags = [row.version === "v2" ? "new" : "original", row.category, row.subcategory];
  if (row.running !== null) tags.push("said over a running program");
  byId("detailTags").textContent = tags.filter(Boolean).join(" · ");
  byId("previous").disabled = detail.place === 0;
  byId("next").disabled = detail.place === detail.pane.rows.length - 1;
  byId("reasons").replaceChildren(...row.reasons.map((reason) => element("p", { textContent: reason })));
  byId("meaningSection").hidden = !row.meaning;
  byId("meaning").replaceChildren(row.meaning ? listOf(row.meaning) : "");
  byId("program").replaceChildren(...colored(layout(row.response)));
  const over = row.running !== null;
  byId("runningSection").hidden = byId("runningFigure").hidden = !over;
  if (over) byId("running").replaceChildren(...colored(layout(row.running)));
  const origin = { id: row.id, version: row.version, category: row.category };
  if (row.subcategory) origin["sub-category"] = row.subcategory;
  if (row.template) origin.template = row.template;
  byId("origin").replaceChildren(listOf(origin));
  document.querySelector(".facts").scrollTop = document.querySelector(".body").scrollTop = 0;
  showSteps(row);
  showLamps(row, over);
}

function showLamps(row, over) {
  const scale = Math.min(2, devicePixelRatio || 1);
  for (const id of ["large", "before"]) {
    const canvas = byId(id);
    canvas.width = Math.max(1, canvas.clientWidth * scale);
    canvas.height = Math.max(1, canvas.clientHeight * scale);
  }
  detail.player = new Player(byId("large"), row.valid ? row.response : null, row.poster);
  detail.player.real = byId("real").checked;
  detail.before = over ? new Player(byId("before"), row.running, 0) : null;
  if (!row.valid) drawLamp(byId("large"), new Uint8ClampedArray(3 * DEVICE.leds));
  byId("largeCaption").textContent = row.valid ? JSON.parse(row.response).program.name : "not a valid program";
  document.querySelector(".player").hidden = !row.valid;
  byId("clock").hidden = !row.valid;
  byId("seek").max = String(Math.max(0, detail.player.instants.length - 1));
  byId("seek").disabled = detail.player.real;
  if (!state.playing) detail.player.still = row.poster;
  showToggle();
}

function listOf(values) {
  const made = element("dl");
  for (const [key, value] of Object.entries(values)) {
    const shown = element("dd", { dir: "auto" });
    if (Array.isArray(value)) {
      value.forEach((each) => shown.append(typeof each === "object" ? listOf(each) : span(each), " "));
    } else {
      shown.append(key.endsWith("_ms") ? `${value} (${lasting(value)})` : span(value));
    }
    made.append(element("dt", { textContent: key }), shown);
  }
  return made;
}

const span = (value) => element("span", {}, ...colored(String(value)));

/** Text with a swatch before each colour in it. */
function colored(text) {
  return text.split(/(#[0-9A-Fa-f]{3,8}\b)/).flatMap((part) => {
    if (!/^#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$/.test(part)) return [part];
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = part;
    return [swatch, part];
  });
}

/** JSON with line breaks where it is long; as it stands if it is none. */
function layout(text) {
  try {
    return broken(JSON.parse(text), "");
  } catch {
    return text;
  }
}

function broken(value, indent) {
  const short = JSON.stringify(value);
  if (short.length + indent.length <= 84 || typeof value !== "object") return short;
  const deeper = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((each) => broken(each, deeper))
    : Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${broken(each, deeper)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${deeper}${parts.join(`,\n${deeper}`)}\n${indent}${close}`;
}

function lasting(ms) {
  const amounts = [[Math.floor(ms / 3600000), "h"], [Math.floor(ms / 60000) % 60, "min"], [(ms % 60000) / 1000, "s"]];
  const said = amounts.filter(([amount]) => amount).map(([amount, unit]) => `${+amount.toFixed(2)} ${unit}`);
  return said.join(" ") || "0 s";
}

function showSteps(row) {
  const body = row.valid ? JSON.parse(row.response).program : { steps: [] };
  const lasts = (duration) => (duration === null ? "stays" : lasting(duration));
  const steps = body.steps.map(({ command, duration }) => stepLine(command, lasts(duration)));
  if (body.on_complete) steps.push(stepLine(body.on_complete.command, "at the end, stays"));
  byId("steps").replaceChildren(...steps);
  byId("steps").closest("section").hidden = !steps.length;
  const { loop } = body;
  const ids = body.steps.map((step) => step.id);
  const [from, to] = loop ? [ids.indexOf(loop.start_step) + 1, ids.indexOf(loop.end_step) + 1] : [];
  byId("stepsNote").textContent = !loop ? ""
    : `Steps ${from} to ${to} repeat ${loop.count ? `${loop.count} times in all` : "for ever"}.`;
}

function stepLine(command, lasts) {
  return element("li", {}, ...colored(told(command)), " ", element("span", { className: "lasts", textContent: lasts }));
}

/** A command in a few words. */
function told(command) {
  if (command.type === "stop") return "lights off";
  if (command.type === "render") {
    const text = command.elements.filter((each) => each.type === "text").map((each) => each.content).join(" ");
    return text ? `text “${text}”` : `picture of ${command.elements.length} elements`;
  }
  const params = { ...DEVICE.defaults[command.name], ...command.params };
  const colors = ["color", "color2", "bgColor"].filter((key) => key in DEVICE.defaults[command.name]);
  const speed = "speed" in DEVICE.defaults[command.name] ? `every ${lasting(params.speed)}` : "";
  const density = command.name === "sparkle" ? `density ${params.density}` : "";
  return [command.name, ...colors.map((key) => params[key]), speed, density].filter(Boolean).join(" ");
}

// Playing --------------------------------------------------------------------------------------------------------

function detailTick(now) {
  const { player, before, row } = detail;
  if (!byId("detail").open || !player?.schedule) return;
  player.draw(now);
  before?.draw(now);
  const instant = player.instant(now);
  if (player.moving && !player.real) byId("seek").value = String(player.place(now));
  const { total } = player.schedule;
  const whole = total === null ? ", never ends" : ` of ${lasting(total)}`;
  const lapse = !player.real && (total ?? 0) > REEL_SECONDS * 1000 ? " · shortened so that every step is seen" : "";
  byId("clock").textContent = lasting(Math.floor(instant / 1000) * 1000) + whole + lapse;
  markStep(player, instant, row);
}

function markStep(player, instant, row) {
  const { command } = player.schedule.at(instant);
  if (player.marked === command) return;
  player.marked = command;
  const commands = player.schedule.passages.flatMap((passage) => passage.commands);
  const lines = [...byId("steps").children];
  const now = commands.indexOf(command);
  lines.forEach((line, index) => line.classList.toggle("now", index === (now < 0 ? lines.length - 1 : now)));
  const line = lines[now];
  if (line && row) byId("steps").scrollTop = line.offsetTop - byId("steps").offsetTop - 60;
}

function toggle() {
  const { player } = detail;
  if (!player?.schedule) return;
  const now = performance.now();
  if (player.moving) {
    player.still = player.instant(now);
    player.paused = now;
  } else {
    player.alone = true;
    player.started += player.paused ? now - player.paused : 0;
    player.still = undefined;
  }
  showToggle();
}

function showToggle() {
  byId("toggle").textContent = detail.player.moving ? "pause" : "play";
}

function seek() {
  const { player } = detail;
  const place = Number(byId("seek").value);
  const now = performance.now();
  player.started = now - place * DEVICE.tick_ms;
  player.still = player.instants[place];
  player.paused = now;
  showToggle();
}

async function copyProgram() {
  try {
    await navigator.clipboard.writeText(detail.row.response);
    byId("copy").textContent = "copied";
  } catch {
    getSelection().selectAllChildren(byId("program"));
    byId("copy").textContent = "selected";
  }
  setTimeout(() => (byId("copy").textContent = "copy"), 1500);
}

function listenDetail() {
  byId("close").onclick = closeDetail;
  byId("previous").onclick = () => go(-1);
  byId("next").onclick = () => go(1);
  byId("toggle").onclick = toggle;
  byId("seek").oninput = seek;
  byId("copy").onclick = copyProgram;
  byId("real").onchange = () => showLamps(detail.row, detail.row.running !== null);
  byId("detail").onclick = (event) => event.target === byId("detail") && closeDetail();
  byId("detail").onclose = () => {
    remember();
    detail.pane?.focus(detail.place);
    detail.player = detail.before = null;
  };
}
