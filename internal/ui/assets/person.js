// A person's page: it is read again when the person changes, and copies the id.

import { shortcuts, showShortcuts } from "./keys.js";
import { isPaused, listen, showIn } from "./live.js";
import { answered, refuses } from "./stream.js";
import { tellTimes } from "./times.js";

const page = () => document.getElementById("person");
let reading = Promise.resolve(); // one request at a time, and another if something changes meanwhile
const read = () => { reading = reading.then(readAgain); };
const retry = () => setTimeout(() => (isPaused() ? retry() : read()), 3000);

showIn({ read });

async function readAgain() {
  try {
    const answer = await fetch(location.pathname + location.search), text = await answer.text();
    if (refuses(answer.status, text)) return location.reload();
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("person");
    if (!fresh) throw new Error("the answer has no person");
    answered(true);
    tellTimes(fresh);
    const before = parts(page()), others = named();
    renew(page(), fresh);
    if (named() !== others) listen();
    showShortcuts();
    mark(before);
  } catch {
    answered(false);
    retry();
  }
}

// named are the other people on the page, whose changes are followed too.
const named = () => new URL(page().dataset.live, location).searchParams.getAll("with").join();

// parts returns the text of each named part of the page, without the times, which change by themselves.
function parts(root) {
  const says = new Map();
  for (const part of root.querySelectorAll("[data-part], .timeline > li")) {
    const copy = part.cloneNode(true);
    copy.querySelectorAll("time, [data-clock]").forEach((t) => t.remove());
    says.set(part.dataset.part ?? part.id, [...copy.querySelectorAll("img")].reduce((text, image) => text + image.src, copy.textContent));
  }
  return says;
}

function mark(before) {
  const now = parts(page());
  for (const part of page().querySelectorAll("[data-part], .timeline > li")) {
    const name = part.dataset.part ?? part.id;
    if (before.get(name) !== now.get(name)) part.classList.add("changed");
  }
}

// renew makes old equal to fresh, and touches only what differs: focus, selection and open parts stay.
function renew(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeName !== fresh.nodeName || old.id !== fresh.id || !(old instanceof Element)) {
    old.replaceWith(fresh);
    return;
  }
  for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  const wanted = [...fresh.childNodes];
  const kept = new Map([...old.children].filter((c) => c.id).map((c) => [c.id, c]));
  wanted.forEach((child, i) => {
    const at = old.childNodes[i], same = kept.get(child.id);
    if (same && same !== at) old.insertBefore(same, at ?? null);
    if (same) renew(same, child);
    else if (!at || child.id || at.id) old.insertBefore(child, at ?? null);
    else renew(at, child);
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

document.addEventListener("click", async (e) => {
  const button = e.target.closest("[data-copy]");
  if (!button) return;
  const [label, told] = [button.querySelector("span"), document.getElementById("copied")];
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    label.textContent = told.textContent = "Copied";
  } catch { // the browser does not allow it, for example over plain HTTP
    getSelection().selectAllChildren(document.querySelector(".facts code"));
    label.textContent = told.textContent = "Selected";
  }
  setTimeout(() => { label.textContent = "Copy ID"; told.textContent = ""; }, 2000);
});

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches("input, select, textarea")) return;
  const way = { ArrowRight: "next", ArrowLeft: "prev", ...shortcuts() && { j: "next", k: "prev" } }[e.key];
  if (way) document.querySelector(`a[rel=${way}]`)?.click();
});
