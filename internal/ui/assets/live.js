// Live changes: they wait while somebody points at the list or has paused it. The bar says how live the page is.

import { connect, connected, isAway, secondsSince } from "./stream.js";
import { tellTimes } from "./times.js";

let paused = false;
export const isPaused = () => paused;
let waiting = new Map(); // the newest change of each row that waits
let stale = false; // the page must be read again, for example after too many changes
let page = { read: () => location.reload() }; // how it shows a change (concerns, apply, erase), and is read again (read)

// showIn sets how the page shows changes.
export function showIn(how) { page = how; }

export function listen() {
  const address = document.querySelector("[data-live]")?.dataset.live;
  const again = () => { stale = true; release(); };
  connect(address, { row: (e) => receive(JSON.parse(e.data)), changed: (e) => (e.data ? page.read() : again()), stale: again }); // data says that somebody is erased
  show();
}

// reset forgets what waits, because the list has been read again.
export function reset() {
  waiting = new Map();
  stale = false;
  show();
}

// A list holds still while the pointer or the focus is in it, so that nobody misses what they aim at, and while one of
// its menus is open. A finger does not hover, but browsers keep :hover on what it last touched.
const hovers = matchMedia("(hover: hover)");

export function isHeld() {
  const panel = document.querySelector("[data-rows]");
  return paused || panel && (hovers.matches && panel.matches(":hover") || panel.contains(document.activeElement)) || Boolean(document.querySelector("#list .menu[open]"));
}

function receive(change) {
  if (change.erased) {
    page.erase(change.erased);
    for (const [id, c] of waiting) if (c.id === change.erased || c.user === change.erased) waiting.delete(id);
  }
  if (isHeld() && (waiting.has(change.id) || page.concerns(change))) waiting.set(change.id, change);
  else {
    page.apply(change);
    tick();
  }
  show();
}

// missed are the parts that did not refresh themselves while they were held.
const missed = () => document.querySelectorAll("[data-missed]");

// release applies what waits, unless the list is still held.
function release(anyway) {
  if (isHeld() && !anyway) return show();
  const changes = [...waiting.values()], all = stale;
  reset();
  if (all) return page.read();
  changes.forEach(page.apply);
  missed().forEach((part) => htmx.trigger(part, "refresh"));
  tick();
}

function show() {
  const button = document.getElementById("held"), n = waiting.size;
  if (button) {
    const text = stale ? "New changes" : n === 1 ? "1 new change" : `${n} new changes`;
    if (button.textContent !== text) button.textContent = text;
    button.hidden = n === 0 && !stale;
  }
  const state = document.getElementById("live"), pause = document.getElementById("pause");
  state.hidden = pause.hidden = !connected() && !document.querySelector("[data-refreshes]");
  if (state.hidden) return;
  state.dataset.state = isAway() ? "away" : paused ? "paused" : "live";
  const [word, more] = {
    away: ["Offline", ""],
    paused: ["Paused", stale ? "changed" : n ? `${n} waiting` : ""],
    live: ["Live", `${secondsSince()} s ago`],
  }[state.dataset.state];
  write(state, word, more);
  pause.setAttribute("aria-pressed", String(paused));
}

// write changes text in place, so that the bar does not move.
function write(state, word, more) {
  if (!state.firstElementChild) state.append(document.createElement("b"), document.createElement("span"));
  const [b, span] = state.children;
  if (b.textContent !== word) b.textContent = word;
  const rest = more && ` · ${more}`;
  if (span.textContent !== rest) span.textContent = rest;
}

// breathe pulses the dot once when something arrives from the server. An endless animation would keep the browser
// repainting. A paused page does not move.
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function breathe() {
  if (!calm.matches && !paused) document.getElementById("live").animate({ opacity: [1, 0.35, 1] }, { duration: 1600, pseudoElement: "::before" });
}

// tick is the one timer of a page: all times change together, and not while they are held.
function tick() {
  if (!isHeld()) tellTimes(document.getElementById("content"));
}

document.addEventListener("click", (e) => {
  if (e.target.closest("#pause")) {
    paused = !paused;
    release();
  } else if (e.target.closest("#held")) {
    document.getElementById("heading")?.focus({ preventScroll: true }); // the button disappears
    release(true);
  }
});
for (const leaving of ["pointerout", "focusout", "toggle"]) {
  document.addEventListener(leaving, () => { if (waiting.size || stale || missed().length) setTimeout(release); }, true); // toggle does not bubble
}
document.addEventListener("rollcall:connection", show);
document.addEventListener("rollcall:heard", breathe);
setInterval(show, 1000);
setInterval(tick, 15000);
