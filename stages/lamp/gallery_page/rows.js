// The rows, and which of them the filters let through. Knows nothing of the page, so that it can be tested alone.
"use strict";

const state = {
  rows: [], shown: [], panes: [], playing: true,
  version: "", category: "", subcategory: "", intent: "", subject: "", reason: "", over: false, order: "", words: "",
};

/** Everything that a row is found and filtered by. */
function prepared(values, fields, place) {
  const row = Object.fromEntries(fields.map((field, index) => [field, values[index]]));
  const parts = row.meaning ? meanings(row.meaning) : [];
  row.place = place;
  row.subjects = new Set(
    parts.flatMap((part) => [part.object, part.mood, part.scene, part.weather, part.pattern]).filter(Boolean),
  );
  row.intents = new Set(parts.map((part) => part.intent).filter(Boolean));
  row.reasons = row.reasons ?? [];
  row.kinds = new Set(row.reasons.map(kindOf));
  row.text = [row.prompt, row.id, ...row.subjects, ...row.reasons].join("\n").toLowerCase();
  row.mixed = Math.imul(place + 1, 0x9e3779b1) >>> 0; // an order in which neighbours are unlike
  return row;
}

function meanings(meaning) {
  return [meaning, ...(meaning.parts ?? []).flatMap(meanings)];
}

/** What reasons of one kind have in common: the words before the first value. */
function kindOf(reason) {
  const defect = reason.match(/^\$\S*: ([\w-]+)/);
  return defect ? defect[1] : reason.split(/[:#'"\d]/)[0].trim() || reason;
}

/** The filters that are set: the name of each, and which rows it lets through. */
function filters() {
  const { version, category, subcategory, intent, subject, reason, over } = state;
  const words = state.words.toLowerCase().split(/\s+/).filter(Boolean);
  const set = [];
  if (version && version !== "both") set.push(["version", (row) => row.version === version]);
  if (category) set.push(["category", (row) => row.category === category]);
  if (subcategory) set.push(["subcategory", (row) => row.subcategory === subcategory]);
  if (intent) set.push(["intent", (row) => row.intents.has(intent)]);
  if (subject) set.push(["subject", (row) => row.subjects.has(subject)]);
  if (reason) set.push(["reason", (row) => row.kinds.has(reason)]);
  if (over) set.push(["over", (row) => row.running !== null]);
  if (words.length) set.push(["words", (row) => words.every((word) => row.text.includes(word))]);
  return set;
}

/** What can be chosen, and what a row counts for. */
const CHOICES = {
  category: (row) => [row.category],
  subcategory: (row) => (row.subcategory ? [row.subcategory] : []),
  intent: (row) => row.intents,
  reason: (row) => row.kinds,
};

/** Find the rows to show, and count for each choice the rows that it would show. */
function sift() {
  const set = filters();
  const counts = Object.fromEntries(Object.keys(CHOICES).map((id) => [id, new Map()]));
  state.shown = [];
  for (const row of state.rows) {
    const against = set.filter(([, passes]) => !passes(row));
    if (!against.length) state.shown.push(row);
    if (against.length > 1) continue;
    for (const id of against.length ? [against[0][0]] : Object.keys(CHOICES)) {
      for (const value of CHOICES[id]?.(row) ?? []) counts[id].set(value, (counts[id].get(value) ?? 0) + 1);
    }
  }
  return counts;
}

if (typeof module !== "undefined") module.exports = { state, prepared, sift };
