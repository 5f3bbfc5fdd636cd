// The rows of a list: where a change belongs, what it changes, and how the list is read again.

import { isPaused, showIn } from "./live.js";
import { isAway } from "./stream.js";
import { tellTimes } from "./times.js";

export const list = () => document.getElementById("list");

const body = () => list()?.querySelector("[data-rows]");

// keys are what lists are sorted by.
const keys = {
  name: (row) => row.dataset.name,
  updated: (row) => Number(row.dataset.updated),
  changed: (row) => row.dataset.changed,
};

// order compares two rows in the order of the list. The newest comes first unless the order says otherwise.
function order(a, b) {
  const [by, way] = list().dataset.sort.split("-"), key = keys[by];
  const compare = (x, y) => (x < y ? -1 : x > y ? 1 : 0);
  const ascending = compare(key(a), key(b)) || compare(a.id, b.id);
  return (way ? way === "desc" : by !== "name") ? -ascending : ascending;
}

// newRow makes the row of a change, with the columns that the list shows.
function newRow(change) {
  const template = document.createElement("template");
  template.innerHTML = change.html;
  const row = template.content.querySelector("tr");
  const way = list().dataset.way; // as in the list's own links; a template's document has no address, so link.search would do nothing
  if (way) for (const link of row.querySelectorAll("a[href^='/users/']")) link.setAttribute("href", `${link.getAttribute("href")}?${way}`);
  const shown = [...list().querySelectorAll("thead th")].map((th) => th.dataset.col);
  for (const cell of [...row.cells]) if (cell.dataset.col && !shown.includes(cell.dataset.col)) cell.remove();
  return row;
}

// put returns the index at which a row belongs among others, -1 if it belongs on another page.
function put(row, others) {
  const section = list(), at = others.findIndex((r) => order(row, r) < 0);
  if (at === 0 && !("first" in section.dataset)) return -1;
  if (at < 0 && !("last" in section.dataset) && others.length > 0) return -1;
  return at < 0 ? others.length : at;
}

// concerns reports whether a change alters what the page shows.
function concerns(change) {
  if (!body() || document.getElementById(change.id) || inCard(change.id)) return true;
  return !change.gone && put(newRow(change), [...body().rows]) >= 0;
}

// inCard reports whether a card below the list names somebody in its list. A change to that person has the page read
// again, since only the server knows who belongs there.
const inCard = (id) => [...list().querySelectorAll(".reports li")].some((e) => e.dataset.user === id);

// erase removes all that the page shows of somebody at once.
function erase(id) {
  const rows = [...(list()?.querySelectorAll("[data-rows] > tr, [data-user]") ?? [])].filter((r) => r.id === id || r.dataset.user === id);
  rows.forEach((r) => r.remove());
  if (document.querySelector(`[data-people~="${id}"]`)) readAgain(); // other rows and filters name them
  else if (rows.length) resized();
}

// apply shows a change.
function apply(change) {
  if (!body()) return;
  if (inCard(change.id)) return readAgain();
  const old = document.getElementById(change.id);
  if (change.gone) {
    old?.remove();
    return resized(Boolean(old));
  }
  const row = newRow(change);
  if (old && old.dataset.changed > row.dataset.changed) return; // out of order
  const others = [...body().rows].filter((r) => r !== old), at = put(row, others);
  if (at < 0) {
    old?.remove();
    return resized(Boolean(old));
  }
  mark(row, old);
  tellTimes(row);
  if (old && old.nextElementSibling === (others[at] ?? null)) old.replaceWith(row);
  else {
    old?.remove();
    body().insertBefore(row, others[at] ?? null);
  }
  globalThis.htmx?.process(row);
  if (!old) shorten();
  resized(!old);
}

// mark marks the cells whose content differs. The time of the last change always does, so it is marked only
// if nothing else is. In a new row the first cell stands for all.
function mark(row, old) {
  const cells = [...row.cells];
  if (!old) return cells[0].classList.add("changed");
  const before = new Map([...old.cells].map((c) => [c.dataset.col, c]));
  const differ = cells.filter((c) => before.has(c.dataset.col) && says(c) !== says(before.get(c.dataset.col), c));
  const marked = differ.filter((c) => c.dataset.col !== "changed" && isShown(c.dataset.col));
  for (const c of marked.length ? marked : differ) c.classList.add("changed");
  if (!differ.length) for (const c of cells) c.classList.toggle("changed", before.get(c.dataset.col)?.classList.contains("changed") ?? false); // the same change once more
}

// isShown reports whether this width has room for a column.
const isShown = (col) => getComputedStyle(list().querySelector(`tbody [data-col="${col}"]`)).display !== "none";

// says is what a cell shows, apart from what the clock changes, and pictures that could not be loaded.
function says(cell, fresh = cell) {
  const copy = cell.cloneNode(true);
  for (const time of copy.querySelectorAll("time")) time.textContent = time.dateTime;
  for (const clock of copy.querySelectorAll("[data-clock]")) clock.textContent = clock.dataset.clock;
  const images = [...copy.querySelectorAll("img")].map((i) => i.src);
  const wanted = [...fresh.querySelectorAll("img")].map((i) => i.src);
  return copy.textContent.replace(/\s+/g, " ") + (images.length ? images : wanted).join(" ");
}

// shorten keeps a list to its size. If it was the only page, the list is read again once it is two pages.
function shorten() {
  const section = list(), size = Number(section.dataset.size), rows = body().rows;
  if ("last" in section.dataset) {
    if (rows.length > 2 * size) readAgain();
    return;
  }
  if (rows.length <= size) return;
  rows[rows.length - 1].remove();
  const next = section.querySelector("a[rel=next]"), last = rows[rows.length - 1];
  if (!next || !last?.dataset.place) return;
  // The next page goes on from the row that is now the last. htmx keeps a link's old address, so the link is a new one.
  const link = next.cloneNode(true), url = new URL(next.href);
  url.searchParams.set("after", last.dataset.place);
  link.href = url.pathname + url.search;
  next.replaceWith(link);
  globalThis.htmx?.process(link);
}

// resized updates which part of the list the page shows, and has the list counted again: soon if a row came or
// went on this page, otherwise later, because most changes elsewhere are to people who stay in the list.
function resized(here) {
  const section = list(), span = document.getElementById("span");
  if (!section?.dataset.count) return;
  const from = Number(section.dataset.from), n = body().rows.length;
  if (here && span) span.textContent = from < 0 || n === 0 ? "" : n === 1 ? number(from + 1) : `${number(from + 1)}–${number(from + n)}`;
  if (here) tally();
  recountIn(here ? 1000 : 15000, here);
}

const number = (x) => x.toLocaleString("en-GB");

// tally counts people whose list is whole on this page, in the server's words. Only the server can count a longer one,
// and it may keep an earlier count.
function tally() {
  const { first, last } = list()?.dataset ?? {}, count = document.getElementById("count");
  if (first === undefined || last === undefined || !document.getElementById("span") || !count?.matches("span")) return;
  const rows = [...body().rows], bots = rows.filter((r) => r.querySelector(".badge.bot")).length, people = rows.length - bots;
  const parts = [];
  if (people || !bots) parts.push(people === 1 ? "1 person" : `${number(people)} people`);
  if (bots) parts.push(bots === 1 ? "1 bot" : `${number(bots)} bots`);
  const text = parts.join(" and ");
  if (count.textContent !== text) count.textContent = text;
}

let counting; // when the list is counted next, and whether once more after that: a server keeps counts for up to 15 seconds

function recountIn(wait, twice) {
  const at = Date.now() + wait;
  if (counting && counting.at <= at) counting.twice ||= twice;
  else {
    clearTimeout(counting?.timer);
    counting = { at, twice: twice || counting?.twice, timer: setTimeout(recount, wait) };
  }
}

function recount() {
  const { twice } = counting;
  counting = undefined;
  if (isPaused()) return recountIn(15000, twice);
  const count = document.getElementById("count");
  if (count?.matches("span") && !isAway()) htmx.ajax("GET", list().dataset.count, { target: count, swap: "outerHTML" }).then(tally);
  if (twice) recountIn(16000, false);
}

// readAgain reads the list that the form asks for. The address lags behind while an answer to the form is missing.
let unanswered = false;

export function asked(answer) { unanswered = !answer; }

export function readAgain() {
  if (unanswered) htmx.trigger("#find", "submit");
  else htmx.ajax("GET", location.pathname + location.search, { target: "#list", select: "#list", swap: "outerHTML" });
}

document.addEventListener("rollcall:connection", () => { if (unanswered && !isAway()) readAgain(); });
showIn({ concerns, apply, erase, read: readAgain });
