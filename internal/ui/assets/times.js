// Times, by the browser's clock.

const units = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const locale = "en-GB"; // the page's language, whatever the browser's is
const long = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const short = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const dayAndYear = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });

function ago(seconds, relative) {
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return relative.format(-Math.round(seconds / size), unit);
  }
  return relative.format(-Math.max(0, Math.round(seconds)), "second");
}

// briefly formats a time for a narrow column: "3 min ago", "yesterday", "3 Nov".
function briefly(at, now) {
  const seconds = (now - at) / 1000;
  if (seconds < 2 * 86400) return ago(seconds, short);
  return (at.getFullYear() === now.getFullYear() ? day : dayAndYear).format(at);
}

const clocks = new Map(); // formatters, by zone and form

function clockOf(zone, brief) {
  const key = zone + brief;
  if (!clocks.has(key)) {
    const form = brief ? { hour: "2-digit", minute: "2-digit" } : { weekday: "long", hour: "numeric", minute: "2-digit" };
    clocks.set(key, new Intl.DateTimeFormat(locale, { ...form, timeZone: zone }));
  }
  return clocks.get(key);
}

// write touches only what changes, which is usually little.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function tellTimes(root) {
  const now = new Date();
  for (const time of root.querySelectorAll("time[data-ago]")) {
    const at = new Date(time.dateTime);
    write(time, time.dataset.ago === "short" ? briefly(at, now) : ago((now - at) / 1000, long));
    if (time.dataset.exact !== time.dateTime) {
      time.title = exact.format(at);
      time.dataset.exact = time.dateTime;
    }
  }
  for (const clock of root.querySelectorAll("[data-clock]")) {
    try {
      write(clock, clockOf(clock.dataset.clock, "short" in clock.dataset).format(now));
    } catch { /* the browser does not know the zone: keep the server's text */ }
  }
  for (const status of root.querySelectorAll("[data-expires]")) {
    if (Number(status.dataset.expires) * 1000 <= Date.now()) {
      status.replaceChildren();
      status.classList.add("empty");
    }
  }
}
