// The connection to the server: what it sends, and whether it is there.

const beatTimeout = 40000; // the server sends something every 15 seconds

let source, address;
let heard = Date.now(); // when the server last sent anything, starting with this page
let away = false, silence;

// connect keeps a stream of events open; handlers are by the name of the event. It closes the previous stream,
// unless that has the same address.
export function connect(wanted, handlers) {
  if (wanted === address && source?.readyState !== EventSource.CLOSED) return;
  source?.close();
  source = undefined;
  address = wanted;
  if (!wanted) return;
  source = new EventSource(wanted);
  for (const [name, handle] of Object.entries(handlers)) source.addEventListener(name, (e) => { answered(true); handle(e); });
  for (const name of ["open", "beat"]) source.addEventListener(name, () => answered(true));
  source.addEventListener("error", () => {
    answered(false);
    if (source?.readyState === EventSource.CLOSED) setTimeout(() => connect(address, handlers), 3000); // the server refused: the browser does not retry
  });
}

// disconnect ends the stream, for example when the viewer leaves the page.
export function disconnect() { connect(undefined); }

export const connected = () => source !== undefined;

// secondsSince is how long ago the server last sent anything.
export const secondsSince = () => Math.round((Date.now() - heard) / 1000);

export const isAway = () => away || connected() && Date.now() - heard > beatTimeout;

// refuses reports whether an answer is a page that says what is wrong with the request: to repeat it is of no use.
export const refuses = (status, text) => status >= 400 && status < 500 && status !== 429 && text.includes('id="content"');

// answered notes whether a request was answered. A connection that is back within seconds, for example after a
// restart of the server, is not worth a message.
export function answered(yes) {
  if (yes) {
    heard = Date.now();
    document.dispatchEvent(new Event("rollcall:heard"));
    clearTimeout(silence);
    silence = undefined;
    say(false);
  } else silence ??= setTimeout(() => say(true), 3000);
}

function say(isGone) {
  document.getElementById("offline").hidden = !isGone;
  if (away === isGone) return;
  away = isGone;
  document.dispatchEvent(new Event("rollcall:connection"));
}
