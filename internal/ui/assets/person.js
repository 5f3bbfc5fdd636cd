// A person's page: it is read again when the person changes, and copies the id.

import { shortcuts, showShortcuts } from "./keys.js";
import { showIn } from "./live.js";
import { answered } from "./stream.js";
import { tellTimes } from "./times.js";

const page = () => document.getElementById("person");
let reading; // one request at a time, and another if something changes meanwhile

showIn({ read: () => { reading = (reading ?? Promise.resolve()).then(readAgain); } });

async function readAgain() {
  try {
    const answer = await fetch(location.pathname + location.search);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("person");
    if (!fresh) throw new Error("the answer has no person");
    answered(true);
    tellTimes(fresh);
    const before = parts(page());
    renew(page(), fresh);
    showShortcuts();
    mark(before);
  } catch {
    answered(false);
    setTimeout(readAgain, 3000);
  }
}

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
