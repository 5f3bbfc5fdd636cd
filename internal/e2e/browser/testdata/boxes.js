// An expression whose value is a function. It returns what is wrong with the layout of a part of the page, judged
// by the boxes of its text and controls, one line per fault.
({ part, rows, lines, touch }) => {
  const faults = new Set();
  const page = document.documentElement, looked = document.querySelector(part);
  // Nothing changes while the page is judged, so slow look-ups are made only once for each element.
  const once = (f) => {
    const known = new Map();
    return (e) => known.get(e) ?? known.set(e, f(e)).get(e);
  };
  const style = once((e) => getComputedStyle(e));
  const boxOf = once((e) => e.getBoundingClientRect());

  // What may break anywhere, because it is read letter by letter.
  const mayBreak = "code, pre, kbd, a[href^='mailto:'], .id, #everything";
  const addresses = /:\/\/|@\S+\./;
  // Longer words are wider than a telephone.
  const longest = 24;
  // Scripts that put spaces between words, and numbers.
  const words = /\p{Nd}+(?:[.,:]\p{Nd}+)+|[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Arabic}\p{Script=Hebrew}\p{M}\p{Nd}'’]+/gu;
  // What is for screen readers, or shown only when it has the focus.
  const unseen = ".unseen, .skip";
  // What lies over the page.
  const overlay = ".menu > :not(summary), dialog, [popover]";
  const controls = "button, summary, select, textarea, input:not([type=hidden]), .button, .badge, .chip, img, progress, meter";

  const cut = once((e) => e !== page && (style(e).clipPath !== "none" || style(e).clip !== "auto" || cut(e.parentElement)));
  const shown = once((e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !e.closest(unseen) && !cut(e));
  const inline = once((e) => /^(inline|contents|ruby)/.test(style(e).display) && !/^inline-/.test(style(e).display));
  const clips = once((e) => style(e).overflowX !== "visible" && style(e).display !== "inline");
  const scrolls = once((e) => /auto|scroll/.test(style(e).overflowX));
  const block = (e) => { while (inline(e) && e.parentElement) e = e.parentElement; return e; };
  const ancestors = function* (e) { for (; e && e !== page; e = e.parentElement) yield e; };

  const paints = (e) => !/, 0\)$|^transparent$/.test(style(e).backgroundColor) || parseFloat(style(e).borderInlineEndWidth) > 0;

  const name = (e) => {
    const classes = typeof e.className === "string" && e.className ? "." + e.className.trim().split(/\s+/).join(".") : "";
    return e.localName + (e.id ? "#" + e.id : "") + classes;
  };
  const quote = (text) => JSON.stringify(text.trim().replace(/\s+/g, " ").slice(0, 40));

  const meet = (a, b) => ({ left: Math.max(a.left, b.left), right: Math.min(a.right, b.right), top: Math.max(a.top, b.top), bottom: Math.min(a.bottom, b.bottom) });
  const empty = (r) => r.right - r.left < 1 || r.bottom - r.top < 1;
  const everywhere = { left: -Infinity, right: Infinity, top: -Infinity, bottom: Infinity };
  const seenThrough = once((e) => e === page ? everywhere : e !== document.body && clips(e) ? meet(seenThrough(e.parentElement), boxOf(e)) : seenThrough(e.parentElement));
  const visible = (rect, e) => meet(rect, seenThrough(e));

  // Lines of text, each with the element it is in.
  const texts = [];
  const range = document.createRange();
  const walker = document.createTreeWalker(looked, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, e = node.parentElement;
    if (!node.data.trim() || /^(script|style|option|optgroup)$/.test(e.localName) || !shown(e)) continue;
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      if (!empty(rect)) texts.push({ e, node, rect, box: visible(rect, e), text: node.data });
    }
  }

  function leavesPage({ e, box, text }) {
    if (box.left < -1 || box.right > page.clientWidth + 1) faults.add(`outside the window: ${name(e)} ${quote(text)}`);
  }

  // Text ends with an ellipsis where it does not fit, and stays within the boxes that are drawn around it.
  function leavesBox({ e, rect, text }) {
    const own = block(e), whole = rect.right - rect.left;
    for (const a of ancestors(e)) {
      if (inline(a) || a === document.body) continue;
      if (scrolls(a)) return;
      const box = boxOf(a);
      const wide = rect.left < box.left - 1 || rect.right > box.right + 1;
      const high = rect.top < box.top - 6 || rect.bottom > box.bottom + 6;
      if (clips(a)) {
        const ellipsis = a === own && style(a).textOverflow === "ellipsis" || style(a).webkitLineClamp !== "none" || style(own).webkitLineClamp !== "none";
        if ((wide || high) && !ellipsis) faults.add(`cut off without an ellipsis: ${name(e)} ${quote(text)} in ${name(a)}`);
        const room = box.right - box.left - parseFloat(style(a).paddingLeft) - parseFloat(style(a).paddingRight);
        if (whole > room + 1 && text.length <= longest && /^[\d.,\s]+$/.test(text)) faults.add(`a number that is cut off: ${name(e)} ${quote(text)} in ${name(a)}`);
        // What is left, with the ellipsis at its end, must not be cut off by what is around it.
        rect = { left: Math.max(rect.left, box.left), right: Math.min(rect.right, box.right), top: Math.max(rect.top, box.top), bottom: Math.min(rect.bottom, box.bottom) };
        continue;
      }
      if ((wide || high) && paints(a)) {
        faults.add(`outside its box: ${name(e)} ${quote(text)} in ${name(a)}`);
        return;
      }
      if (/absolute|fixed/.test(style(a).position)) return;
    }
  }

  function brokenWords(node) {
    if (node.parentElement.closest(mayBreak)) return;
    for (const { 0: word, index } of node.data.matchAll(words)) {
      if (word.length > longest || addresses.test(node.data)) continue;
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      const all = [...range.getClientRects()].filter((r) => !empty(r));
      if (all.some((r) => r.top > all[0].bottom - 3)) faults.add(`a broken word: ${JSON.stringify(word)} in ${name(node.parentElement)}`);
    }
  }

  // The middle half of a line: the boxes of lines may overlap where the letters do not.
  const core = ({ left, right, top, bottom }) => ({ left, right, top: top + (bottom - top) / 4, bottom: bottom - (bottom - top) / 4 });

  function overlaps() {
    const items = texts.map((t) => ({ ...t, box: core(t.box), what: quote(t.text) }));
    for (const e of looked.querySelectorAll(controls)) {
      if (!shown(e)) continue;
      const box = visible(boxOf(e), e);
      items.push({ e, box, control: true, what: name(e) });
      leavesPage({ e, box, text: "" });
    }
    const drawn = items.filter((i) => !empty(i.box)).sort((a, b) => a.box.top - b.box.top);
    drawn.forEach((a, i) => {
      for (let j = i + 1; j < drawn.length && drawn[j].box.top < a.box.bottom - 1; j++) {
        const b = drawn[j], both = meet(a.box, b.box);
        if (both.right - both.left < 1.5 || both.bottom - both.top < 1.5) continue;
        if (a.node && a.node === b.node || a.e.closest(overlay) !== b.e.closest(overlay)) continue;
        if (a.control && a.e.contains(b.e) || b.control && b.e.contains(a.e)) continue;
        if (a.e.closest(".face") && a.e.closest(".face") === b.e.closest(".face")) continue; // the picture covers the initials
        faults.add(`overlapping: ${a.what} in ${name(a.e)} and ${b.what} in ${name(b.e)}`);
      }
    });
  }

  function placeholders() {
    const pen = document.createElement("canvas").getContext("2d");
    for (const e of looked.querySelectorAll("input[placeholder]")) {
      if (!shown(e) || e.value || style(e).textOverflow === "ellipsis") continue;
      pen.font = style(e).font;
      const room = e.clientWidth - parseFloat(style(e).paddingLeft) - parseFloat(style(e).paddingRight);
      if (pen.measureText(e.placeholder).width > room + 1) faults.add(`cut off without an ellipsis: the placeholder of ${name(e)}`);
    }
  }

  // A finger hits what is 44 px wide and high, whatever draws it. Links within a sentence are as high as its lines.
  function targets() {
    const enough = 43; // a pixel less, because an edge between two pixels belongs to one of them
    for (let e of looked.querySelectorAll("a[href], button, summary, select, textarea, input:not([type=hidden])")) {
      if (/^(checkbox|radio)$/.test(e.type)) e = e.closest("label") ?? e;
      if (!shown(e) || e.disabled) continue;
      const inSentence = inline(e) && [...e.parentElement.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && /\p{L}/u.test(n.data));
      if (inSentence || e.closest("#everything dd, #everything td")) continue; // links within Slack's object
      e.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
      const r = e.getClientRects()[0];
      if (!r) continue;
      const x = (Math.max(r.left, 0) + Math.min(r.right, innerWidth)) / 2, y = (r.top + r.bottom) / 2;
      const mine = (dx, dy) => {
        const hit = document.elementFromPoint(x + dx, y + dy);
        return hit && (e.contains(hit) || e.control === hit || hit.closest("label")?.control === e);
      };
      const reach = (dx, dy, from) => { let n = 1; while (from + n <= enough && mine(n * dx, n * dy)) n++; return from + n - 1; };
      const width = reach(1, 0, reach(-1, 0, 1)), height = reach(0, 1, reach(0, -1, 1)); // the middle counts once
      if (Math.min(width, height) < enough) faults.add(`smaller than 44 px: ${name(e)} ${quote(e.textContent)} (${Math.round(r.width)}×${Math.round(r.height)})`);
    }
    scrollTo({ top: 0, behavior: "instant" });
  }

  // Lines of a row are texts one below the other. A status beside two lines overlaps both.
  function rowSizes() {
    const inRow = Map.groupBy(texts.filter((t) => !t.e.closest(".face") && !empty(t.box)), (t) => t.e.closest("tr"));
    for (const row of looked.querySelectorAll("#list tbody tr")) {
      const height = boxOf(row).height;
      if (rows && height > rows + 1) faults.add(`a row of ${Math.round(height)} px: ${name(row)}`);
      if (!lines) continue;
      let n = 0, end = -Infinity;
      for (const { rect } of (inRow.get(row) ?? []).toSorted((a, b) => a.rect.bottom - b.rect.bottom)) {
        if (rect.top < end - 3) continue;
        n++;
        end = rect.bottom;
      }
      if (n > lines) faults.add(`a row of ${n} lines: ${name(row)}`);
    }
  }

  // Numbers that stand below each other end at the same edge, in tables and in lists.
  function numbers() {
    const columns = new Map();
    for (const e of looked.querySelectorAll(".number")) {
      const cell = e.closest("td, th"), list = [...ancestors(e)].findLast((a) => a.matches("table, ul, ol"));
      const own = texts.filter((t) => e.contains(t.e) && !empty(t.box)).map((t) => t.rect);
      if (!list || list.matches(".chips") || own.length === 0 || cell && style(cell).display !== "table-cell") continue;
      const all = columns.get(list) ?? columns.set(list, []).get(list), column = cell?.cellIndex ?? 0;
      const right = Math.max(...own.map((r) => r.right)), above = all[column];
      if (above && own[0].top > above.top + 4 && Math.abs(right - above.right) > 1) {
        faults.add(`numbers end at different edges: ${quote(above.text)} and ${quote(e.textContent)} in ${name(list)} (${Math.round(right - above.right)} px)`);
      }
      all[column] = { right, top: own[0].top, text: e.textContent };
    }
  }

  if (page.scrollWidth > page.clientWidth) faults.add("the page scrolls sideways");
  texts.forEach(leavesPage);
  texts.forEach(leavesBox);
  new Set(texts.map((t) => t.node)).forEach(brokenWords);
  overlaps();
  placeholders();
  rowSizes();
  numbers();
  if (touch) targets();
  return [...faults];
}
