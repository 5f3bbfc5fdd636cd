// The keyboard: / goes to the search, arrows move between rows, Escape closes a menu.

// Speech input can trigger shortcuts of a single character, so they can be turned off (WCAG 2.1.4).
let on = true;
export const shortcuts = () => on;

try {
  on = localStorage.getItem("shortcuts") !== "off";
} catch { /* the browser keeps nothing for sites: the choice is for this page only */ }

export function showShortcuts() {
  document.getElementById("shortcuts").setAttribute("aria-pressed", String(on));
  document.documentElement.dataset.shortcuts = on ? "on" : "off";
  for (const e of document.querySelectorAll("[aria-keyshortcuts]")) {
    e.dataset.keys ??= e.getAttribute("aria-keyshortcuts");
    e.setAttribute("aria-keyshortcuts", e.dataset.keys.split(" ").filter((key) => on || key.length > 1).join(" "));
  }
}

document.addEventListener("click", (e) => {
  if (!e.target.closest("#shortcuts")) return;
  on = !on;
  showShortcuts();
  try {
    localStorage.setItem("shortcuts", on ? "on" : "off");
  } catch { /* as above */ }
});
showShortcuts();

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const search = document.getElementById("q");
  const typing = e.target.matches("input, select, textarea");
  if (e.key === "/" && !typing && search && shortcuts()) {
    e.preventDefault();
    search.focus();
    search.select();
  }
  if (e.key === "Escape") close(e.target.closest(".menu[open]"));
  if ((e.key === "ArrowDown" || e.key === "ArrowUp") && (!typing || e.target === search)) {
    const links = [...document.querySelectorAll("[data-rows] > tr")].map((r) => r.querySelector("a")).filter(Boolean);
    const next = links.indexOf(document.activeElement) + (e.key === "ArrowDown" ? 1 : -1);
    if (links.length === 0) return;
    if (next < 0 && search) search.focus();
    else links[Math.min(Math.max(next, 0), links.length - 1)].focus();
    e.preventDefault();
  }
});

function close(menu) {
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
}

// A menu closes once somebody clicks elsewhere, another one opens, or the focus goes on, which it would cover.
document.addEventListener("click", (e) => {
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(e.target)) menu.open = false;
});
document.addEventListener("focusout", (e) => {
  const menu = e.target.closest(".menu[open]");
  if (menu && e.relatedTarget && !menu.contains(e.relatedTarget)) menu.open = false;
});
