// The page: its inputs, its address and its keys.
"use strict";

const byId = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

async function unpacked(text) {
  const letters = atob(text.trim());
  const packed = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) packed[at] = letters.charCodeAt(at);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

// Filters --------------------------------------------------------------------------------------------------------

/** Fill a select with values and how many rows each would show. */
function offer(id, counts) {
  if (state[id] && !counts.has(state[id])) counts.set(state[id], 0);
  const options = [...counts].sort(([one], [other]) => one.localeCompare(other));
  byId(id).replaceChildren(
    element("option", { value: "", textContent: "any" }),
    ...options.map(([value, count]) => element("option", { value, textContent: `${value} (${count})` })),
  );
  byId(id).value = state[id];
}

function apply() {
  for (const [id, counts] of Object.entries(sift())) offer(id, counts);
  if (!state.order) state.shown.sort((one, other) => one.mixed - other.mixed);
  byId("count").textContent = `${state.shown.length.toLocaleString("en")} of ${state.rows.length.toLocaleString("en")}`;
  byId("nothing").hidden = state.shown.length > 0;
  for (const button of byId("versions").children) {
    button.setAttribute("aria-pressed", String(button.dataset.version === state.version));
  }
  scrollTo(0, 0);
  showPanes();
  remember();
}

function showPanes() {
  for (const pane of state.panes) pane.close();
  const sides = state.version === "both" ? [["v1", "original"], ["v2", "new"]] : [["", ""]];
  state.panes = sides.map(([version, name]) => {
    const rows = version ? state.shown.filter((row) => row.version === version) : state.shown;
    return new Pane(rows, name && `${name}: ${rows.length.toLocaleString("en")}`);
  });
  byId("panes").replaceChildren(...state.panes.map((pane) => pane.root));
  for (const pane of state.panes) pane.lay();
}

const KEPT = ["version", "category", "subcategory", "intent", "subject", "reason", "order", "words"];

/** The filters stand in the address, so that a view can be kept and sent. */
function remember(open = "") {
  const kept = KEPT.filter((key) => state[key]).map((key) => [key, state[key]]);
  if (state.over) kept.push(["over", "1"]);
  if (open) kept.push(["row", open]);
  const hash = new URLSearchParams(kept).toString();
  try {
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  } catch {
    // Some browsers forbid it for files.
  }
}

/** Take the filters from the address. Returns the id of the row to open, if any. */
function recall() {
  const kept = new URLSearchParams(location.hash.slice(1));
  for (const key of KEPT) state[key] = kept.get(key) ?? "";
  state.over = kept.has("over");
  showInputs();
  return kept.get("row");
}

function showInputs() {
  byId("search").value = state.words;
  byId("subject").value = state.subject;
  byId("order").value = state.order;
  byId("over").checked = state.over;
}

function reset() {
  for (const key of KEPT) state[key] = "";
  state.over = false;
  showInputs();
  apply();
}

function setPlaying(playing) {
  state.playing = playing;
  byId("play").textContent = playing ? "pause" : "play";
}

// Keys -----------------------------------------------------------------------------------------------------------

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
  if (byId("detail").open) return onDetailKey(event, typing);
  if (event.key === "/" && !typing) return handled(event, () => byId("search").select());
  if (event.key === "Escape" && typing) {
    return handled(event, () => (state.words ? reset() : event.target.blur()));
  }
  if (event.target === byId("search") && (event.key === "ArrowDown" || event.key === "Enter")) {
    return handled(event, () => state.shown.length && state.panes.find((pane) => pane.rows.length).focus(0));
  }
  if (typing) return;
  if (event.key === " " && !event.target.matches("button")) return handled(event, () => setPlaying(!state.playing));
  if (event.key in STEPS && state.shown.length) handled(event, () => move(...STEPS[event.key]));
}

function handled(event, action) {
  event.preventDefault();
  action();
}

/** From the card that has the focus to its neighbour, over to the other pane at the edge. */
function move(across, down) {
  const at = state.panes.findIndex((pane) => pane.grid.contains(document.activeElement));
  if (at < 0) return state.panes.find((pane) => pane.rows.length).focus(0);
  const pane = state.panes[at];
  const column = (pane.current % pane.columns) + across;
  const other = state.panes[at + across];
  if ((column < 0 || column >= pane.columns) && other?.rows.length) {
    const line = Math.floor(pane.current / pane.columns);
    return other.focus(line * other.columns + (across < 0 ? other.columns - 1 : 0));
  }
  pane.focus(pane.current + across + down * pane.columns);
}

// Start ----------------------------------------------------------------------------------------------------------

function listen() {
  for (const id of ["category", "subcategory", "intent", "reason", "order"]) {
    byId(id).onchange = () => {
      state[id] = byId(id).value;
      if (id === "category") state.subcategory = "";
      apply();
    };
  }
  byId("over").onchange = () => { state.over = byId("over").checked; apply(); };
  byId("search").oninput = () => { state.words = byId("search").value.trim(); apply(); };
  byId("subject").oninput = () => {
    const wanted = byId("subject").value.trim();
    const known = !wanted || state.rows.some((row) => row.subjects.has(wanted));
    if (known && wanted !== state.subject) { state.subject = wanted; apply(); }
  };
  byId("subject").onchange = () => { byId("subject").value = state.subject; };
  byId("versions").onclick = ({ target }) => {
    if ("version" in target.dataset) { state.version = target.dataset.version; apply(); }
  };
  byId("filters").onsubmit = (event) => event.preventDefault();
  byId("filters").onreset = (event) => handled(event, reset);
  byId("nothingReset").onclick = reset;
  byId("more").onclick = () => {
    byId("more").setAttribute("aria-expanded", String(byId("filters").classList.toggle("open")));
  };
  byId("play").onclick = () => setPlaying(!state.playing);
  addEventListener("keydown", onKey);
  addEventListener("scroll", () => state.panes.forEach((pane) => pane.scroll()), { passive: true });
  addEventListener("resize", () => state.panes.forEach((pane) => pane.resized()));
  addEventListener("hashchange", () => { closeDetail(); openRow(recall(), apply()); });
  calm.onchange = () => setPlaying(!calm.matches);
}

const THEMES = ["system", "light", "dark"];
const darkSystem = matchMedia("(prefers-color-scheme: dark)");

function setTheme(theme) {
  document.documentElement.dataset.theme = theme === "system" ? (darkSystem.matches ? "dark" : "light") : theme;
  byId("theme").title = `Theme: ${theme} (system, light or dark)`;
  byId("theme").setAttribute("aria-label", `theme: ${theme}`);
  byId("theme").onclick = () => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
  darkSystem.onchange = () => theme === "system" && setTheme(theme);
}

async function start() {
  setTheme("system");
  setPlaying(!calm.matches);
  let data;
  try {
    data = await unpacked(byId("data").textContent);
  } catch (error) {
    byId("count").textContent = `The rows cannot be read (${error.message}); this needs a browser of 2023 or later.`;
    return;
  }
  byId("data").remove();
  state.rows = data.rows.map((values, place) => prepared(values, data.fields, place));
  const subjects = new Set(state.rows.flatMap((row) => [...row.subjects]));
  byId("subjects").append(...[...subjects].sort().map((value) => element("option", { value })));
  byId("versions").hidden = new Set(state.rows.map((row) => row.version)).size < 2;
  byId("overLabel").hidden = !state.rows.some((row) => row.running !== null);
  byId("reasonLabel").hidden = !state.rows.some((row) => row.reasons.length);
  listen();
  listenDetail();
  const open = recall();
  apply();
  openRow(open);
  requestAnimationFrame(animate);
}
