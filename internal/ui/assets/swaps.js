// Parts of a page that htmx replaces: what the new ones keep of the old ones, and what happens if a request fails.

import { isHeld, listen, reset } from "./live.js";
import { asked, readAgain } from "./rows.js";
import { answered, refuses } from "./stream.js";
import { tellTimes } from "./times.js";

// If a request fails that the page makes by itself or while somebody types, the page stays as it is and tries again,
// unless the server says what is wrong with the request. Otherwise only a click leads to an error page.

const ofForm = (e) => e.detail.requestConfig.elt.id === "find";
const refreshes = (e) => (e.detail.requestConfig.triggeringEvent?.type ?? "refresh") === "refresh"; // the page makes it by itself
const byItself = (e) => refreshes(e) || ofForm(e);
const refused = ({ xhr }) => refuses(xhr.status, xhr.responseText);
const targets = new WeakMap(); // what each request is for: the answer may be an error, for which htmx names another
let scrolled = 0, reached; // how far chosen columns are scrolled, and what in the list has the focus

// An answer for a list that has been replaced, such as a late count, leaves the new one alone. Events on elements that
// were removed do not reach the document, so each target listens for itself.
const leaveAlone = (e) => {
  if (!e.target.isConnected) e.detail.shouldSwap = false;
};
document.addEventListener("htmx:beforeRequest", (e) => {
  targets.set(e.detail.xhr, e.detail.target);
  e.detail.target.addEventListener("htmx:beforeSwap", leaveAlone);
});
// A part that refreshes itself does not while it is held. Once the page goes on, it catches up.
document.addEventListener("htmx:beforeRequest", (e) => {
  if (!isHeld() || !e.target.matches("[data-refreshes]") || e.detail.requestConfig.triggeringEvent?.type === "refresh") return;
  e.preventDefault();
  e.target.dataset.missed = "";
});
document.addEventListener("htmx:beforeSwap", (e) => {
  if (e.detail.isError && byItself(e)) e.detail.shouldSwap = refused(e.detail) && targets.get(e.detail.xhr).isConnected;
  scrolled = document.querySelector(".chosen")?.scrollLeft ?? 0;
  reached = document.activeElement.closest(refreshes(e) ? "#list :is(a, summary)" : "#list tbody a");
});
document.addEventListener("htmx:afterSwap", () => {
  tellTimes(document.getElementById("content")); // before the new parts are painted
  say();
  document.querySelector(".chosen")?.scrollTo({ left: scrolled, behavior: "instant" });
  if (!reached || reached.isConnected) return;
  const row = reached.closest("tbody tr")?.id, alike = [...(document.getElementById(row ?? "list")?.querySelectorAll(reached.localName) ?? [])];
  const same = (key) => alike.find((e) => e[key] === reached[key]);
  ((reached.href && same("href")) ?? same("textContent") ?? (row && alike[0]))?.focus({ preventScroll: true });
});
document.addEventListener("htmx:afterSettle", (e) => {
  if (e.detail.target.id === "count") return;
  reset();
  listen();
  moveFocus(e.detail.requestConfig?.elt);
});

// say tells a screen reader the state of the copy once it is another. Its region stays, because those that arrive with
// their text are seldom read.
const sentence = () => document.querySelector("#status .big")?.textContent;
let said = sentence();

function say() {
  if (sentence() === said) return;
  said = sentence();
  document.getElementById("said")?.replaceChildren(said ?? "");
}

// moveFocus moves the focus on from a link that is gone: after paging to the list's heading, after sorting to the same column's.
function moveFocus(link) {
  if (!link?.matches?.("a") || link.isConnected || document.activeElement !== document.body) return; // or the viewer has gone on
  const same = link.dataset.focus && document.querySelector(`[data-focus="${link.dataset.focus}"]`);
  (link.dataset.focus === "heading" || !same ? document.getElementById("heading") : same)?.focus({ preventScroll: true });
}

document.addEventListener("htmx:afterRequest", (e) => {
  const { xhr, successful } = e.detail, part = targets.get(xhr)?.id, final = successful || refused(e.detail);
  if (ofForm(e)) asked(final);
  if (final || xhr.status && !byItself(e)) answered(true);
  else if (part !== "count") answered(false); // if the count fails its link stays
  if (!final && byItself(e) && part === "list") setTimeout(readAgain, 3000);
});
