// Parts of a page that htmx replaces: what goes on in the new ones as it was in the old ones, and what happens if a
// request fails.

import { listen, reset } from "./live.js";
import { asked, list, readAgain } from "./rows.js";
import { answered } from "./stream.js";
import { tellTimes } from "./times.js";

// If a request fails that the page makes by itself or as somebody types, the page stays as it is and tries again.
// Only a click leads to an error page.

const ofForm = (e) => e.detail.requestConfig.elt.id === "find";
const byItself = (e) => !e.detail.requestConfig.triggeringEvent || ofForm(e);
let scrolled = 0, reached; // how far chosen columns are scrolled, and the row that has the focus

// An answer for a list that has been replaced, as a late count is, leaves the new one alone. Events on what is no longer
// in the document do not reach it, so each target listens for itself.
const leaveAlone = (e) => {
  if (!e.target.isConnected) e.detail.shouldSwap = false;
};
document.addEventListener("htmx:beforeRequest", (e) => e.detail.target.addEventListener("htmx:beforeSwap", leaveAlone));
document.addEventListener("htmx:beforeSwap", (e) => {
  if (e.detail.isError && byItself(e)) e.detail.shouldSwap = false;
  scrolled = document.querySelector(".chosen")?.scrollLeft ?? 0;
  reached = document.activeElement.closest("#list tr")?.id;
});
document.addEventListener("htmx:afterSwap", () => {
  tellTimes(document.getElementById("content")); // before the new parts are painted
  document.querySelector(".chosen")?.scrollTo({ left: scrolled, behavior: "instant" });
  if (reached) document.getElementById(reached)?.querySelector("a")?.focus({ preventScroll: true });
});
document.addEventListener("htmx:afterSettle", (e) => {
  if (e.detail.target.id === "count") return;
  reset();
  listen();
  moveFocus(e.detail.requestConfig?.elt);
});

// moveFocus goes on from where a link has led that is no longer there: after paging to the list's heading, after sorting to the same column's.
function moveFocus(link) {
  if (!link?.matches?.("a") || link.isConnected) return;
  const same = link.dataset.focus && document.querySelector(`[data-focus="${link.dataset.focus}"]`);
  (link.dataset.focus === "heading" || !same ? document.getElementById("heading") : same)?.focus({ preventScroll: true });
}

document.addEventListener("htmx:afterRequest", (e) => {
  const { xhr, successful, target } = e.detail;
  if (ofForm(e)) asked(successful);
  if (successful || xhr.status && !byItself(e)) answered(true);
  else if (target.id !== "count") answered(false); // if the count fails its link stays
  if (!successful && byItself(e) && target === list()) setTimeout(readAgain, 3000);
});
