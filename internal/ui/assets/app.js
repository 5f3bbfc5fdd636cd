// Live rows, relative times and keyboard shortcuts. Without JavaScript, links and
// forms do the rest.

const content = () => document.getElementById("content");
const list = () => document.getElementById("list");

// Times.

const units = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const locale = "en-GB"; // the page's language, whatever the browser's is
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "medium" });

function ago(seconds) {
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return relative.format(-Math.round(seconds / size), unit);
  }
  return relative.format(-Math.max(0, Math.round(seconds)), "second");
}

function tellTimes(root) {
  for (const time of root.querySelectorAll("time[data-ago]")) {
    const at = new Date(time.dateTime);
    time.textContent = ago((Date.now() - at) / 1000);
    time.title = exact.format(at);
  }
  for (const clock of root.querySelectorAll("[data-clock]")) {
    try {
      clock.textContent = new Intl.DateTimeFormat(locale, { weekday: "long", hour: "numeric", minute: "2-digit", timeZone: clock.dataset.clock }).format();
    } catch { /* the browser does not know the zone: keep the server's text */ }
  }
  for (const status of root.querySelectorAll("[data-expires]")) {
    if (Number(status.dataset.expires) * 1000 <= Date.now()) {
      status.replaceChildren();
      status.classList.add("empty");
    }
  }
}

// If an image does not load, the initials or the emoji's name show instead.
function failed(image) {
  if (image.classList.contains("emoji")) image.replaceWith(image.alt);
  else image.remove();
}

document.addEventListener("error", (e) => { if (e.target instanceof HTMLImageElement) failed(e.target); }, true);
[...document.images].filter((i) => i.complete && i.naturalWidth === 0).forEach(failed); // those that failed before this script ran

// Live rows.

let source, address;

function listen() {
  const wanted = list()?.dataset.live;
  if (wanted === address && source?.readyState !== EventSource.CLOSED) return;
  source?.close();
  source = undefined;
  address = wanted;
  if (!wanted) return;
  source = new EventSource(wanted);
  source.addEventListener("row", (e) => apply(JSON.parse(e.data)));
  source.addEventListener("stale", readAgain);
  source.addEventListener("open", () => answered(true));
  source.addEventListener("error", () => {
    answered(false);
    if (source?.readyState === EventSource.CLOSED) setTimeout(listen, 3000); // the server refused: the browser does not retry
  });
}

function readAgain() {
  htmx.ajax("GET", location.pathname + location.search, { target: "#list", select: "#list", swap: "outerHTML" });
}

// A connection that is back within seconds, as after a restart of the server, is not worth a message.
let silence;

function answered(yes) {
  const say = () => { document.getElementById("offline").hidden = yes; };
  if (yes) {
    clearTimeout(silence);
    silence = undefined;
    say();
  } else silence ??= setTimeout(say, 3000);
}

// order compares two rows in the order of the list.
function order(a, b) {
  const compare = (x, y) => (x < y ? -1 : x > y ? 1 : 0);
  if (list().dataset.sort === "changed") return compare(b.dataset.changed, a.dataset.changed) || compare(b.id, a.id);
  return compare(a.dataset.name, b.dataset.name) || compare(a.id, b.id);
}

function apply(change) {
  const section = list(), body = section?.querySelector("tbody");
  if (!body) return;
  if (change.erased) body.querySelectorAll(`tr[data-user="${CSS.escape(change.erased)}"]`).forEach((r) => r.remove());
  const old = document.getElementById(change.id);
  const focused = old?.contains(document.activeElement);
  if (change.gone) {
    old?.remove();
    return;
  }
  const template = document.createElement("template");
  template.innerHTML = change.html;
  const row = template.content.querySelector("tr");
  if (old && old.dataset.changed > row.dataset.changed) return; // out of order
  tellTimes(template.content);
  old?.remove();
  const rows = [...body.rows], at = rows.findIndex((r) => order(row, r) < 0);
  const before = at === 0 && !("first" in section.dataset);
  const after = at < 0 && !("last" in section.dataset) && rows.length > 0;
  if (before || after) return; // it belongs on another page
  body.insertBefore(row, at < 0 ? null : rows[at]);
  shorten(section, body);
  row.classList.add("changed");
  if (focused) row.querySelector("a")?.focus({ preventScroll: true });
}

// shorten keeps a list to its size. If it was the only page, the list is read again once it is two pages.
function shorten(section, body) {
  const size = Number(section.dataset.size);
  if ("last" in section.dataset) {
    if (body.rows.length > 2 * size) readAgain();
    return;
  }
  if (body.rows.length <= size) return;
  body.rows[body.rows.length - 1].remove();
  const next = section.querySelector("a[rel=next]"), last = body.rows[body.rows.length - 1];
  if (!next || !last?.dataset.place) return;
  // The next page goes on from the row that is now the last. htmx has noted the old address, so the link is a new one.
  const link = next.cloneNode(true), url = new URL(next.href);
  url.searchParams.set("after", last.dataset.place);
  link.href = url.pathname + url.search;
  next.replaceWith(link);
  htmx.process(link);
}

// Keyboard: / goes to the search, arrows move between rows.

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const search = document.getElementById("q");
  const typing = e.target.matches("input, select, textarea");
  if (e.key === "/" && !typing && search) {
    e.preventDefault();
    search.focus();
    search.select();
  }
  if ((e.key === "ArrowDown" || e.key === "ArrowUp") && (!typing || e.target === search)) {
    const links = [...(list()?.querySelectorAll("tbody a") ?? [])];
    const next = links.indexOf(document.activeElement) + (e.key === "ArrowDown" ? 1 : -1);
    if (links.length === 0) return;
    if (next < 0 && search) search.focus();
    else links[Math.min(Math.max(next, 0), links.length - 1)].focus();
    e.preventDefault();
  }
});

// If a request that the page makes by itself fails, the page stays as it is and tries again. Only a click leads to an error page.

const byItself = (e) => !e.detail.requestConfig.triggeringEvent;
let scrolled = 0, reached; // horizontal scroll position, and the row that has the focus

document.addEventListener("htmx:beforeSwap", (e) => {
  if (e.detail.isError && byItself(e)) e.detail.shouldSwap = false;
  scrolled = document.querySelector(".scroll")?.scrollLeft ?? 0;
  reached = document.activeElement.closest("#list tr")?.id;
});
document.addEventListener("htmx:afterSwap", () => {
  document.querySelector(".scroll")?.scrollTo({ left: scrolled, behavior: "instant" });
  if (reached) document.getElementById(reached)?.querySelector("a")?.focus({ preventScroll: true });
});
document.addEventListener("htmx:afterSettle", () => { tellTimes(content()); listen(); });
document.addEventListener("htmx:afterRequest", (e) => {
  const { xhr, successful, target } = e.detail;
  if (successful || xhr.status && !byItself(e)) answered(true);
  else if (target.id !== "count") answered(false); // if the count fails its link stays
  if (!successful && byItself(e) && target === list()) setTimeout(readAgain, 3000);
});
addEventListener("pagehide", () => { source?.close(); address = undefined; });
addEventListener("pageshow", listen);
setInterval(() => tellTimes(content()), 15000);
tellTimes(content());
listen();
