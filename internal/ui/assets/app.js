// What all pages do: show relative times, follow changes and obey the keyboard. Without JavaScript, links and
// forms do the rest.

import "./keys.js";
import { listen } from "./live.js";
import { disconnect } from "./stream.js";
import { tellTimes } from "./times.js";

// If an image does not load, the initials or the emoji's name show instead.
function failed(image) {
  if (image.classList.contains("emoji")) image.replaceWith(image.alt);
  else image.remove();
}

document.addEventListener("error", (e) => { if (e.target instanceof HTMLImageElement) failed(e.target); }, true);
[...document.images].filter((i) => i.complete && i.naturalWidth === 0).forEach(failed); // those that failed before this script ran

addEventListener("pagehide", disconnect);
addEventListener("pageshow", listen);
tellTimes(document.getElementById("content"));
listen();
