// An expression whose value is a function. It focuses everything that can have the focus, and returns, one line
// each, what does not show it by an outline of 2 px that stands out from its surroundings.
() => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const background = (e) => {
    for (; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba("Canvas");
  };
  // Relative luminance and contrast as WCAG 2.2 defines them.
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const faults = new Set();
  for (const e of document.querySelectorAll("a[href], button, summary, select, textarea, input:not([type=hidden]), [tabindex='0']")) {
    if (!e.checkVisibility({ visibilityProperty: true })) continue;
    e.focus({ preventScroll: true });
    if (document.activeElement !== e) continue; // disabled
    const outlined = [e, e.closest("label"), e.parentElement].find((o) => o && getComputedStyle(o).outlineStyle !== "none" && parseFloat(getComputedStyle(o).outlineWidth) >= 2);
    const what = `${e.localName}${e.id ? "#" + e.id : ""}.${e.className} ${JSON.stringify(e.textContent.trim().slice(0, 30))}`;
    if (!outlined) {
      faults.add(`the focus does not show on ${what}`);
      continue;
    }
    const around = parseFloat(getComputedStyle(outlined).outlineOffset) < 0 ? outlined : outlined.parentElement;
    const ratio = contrast(rgba(getComputedStyle(outlined).outlineColor), background(around));
    if (ratio < 3) faults.add(`the focus has a contrast of ${ratio.toFixed(1)} on ${what}`);
  }
  document.activeElement.blur();
  for (const e of document.querySelectorAll(".button:not(.bare, [disabled], [aria-disabled=true]), .field, select, textarea, input:not([type=hidden], [type=checkbox], [type=radio])")) {
    if (!e.checkVisibility({ visibilityProperty: true })) continue;
    const ratio = contrast(rgba(getComputedStyle(e).borderTopColor), background(e.parentElement));
    if (ratio < 3) faults.add(`the border has a contrast of ${ratio.toFixed(2)} on ${e.localName}${e.id ? "#" + e.id : ""}.${e.className}`);
  }
  scrollTo({ top: 0, behavior: "instant" });
  return [...faults];
}
