// One way to hear the hub: server-sent events that reconnect, and a mark that says when they are off. Everything on a
// page shares one connection, since browsers allow only a few to one place.

const mark = document.getElementById("live");
const hearers = new Map();
let source = null;
let steady = false;

function show(on) {
  if (!mark) return;
  mark.dataset.state = on ? "on" : "off";
  mark.textContent = on ? mark.dataset.on : mark.dataset.off;
}

function attach(name) {
  source.addEventListener(name, (event) => {
    for (const heard of hearers.get(name)) heard(name, event.data);
  });
}

// The browser reconnects by itself; where it gives up, this does.
function connect() {
  source = new EventSource("/api/v1/events");
  source.onopen = () => show(true);
  source.onerror = () => {
    show(false);
    if (source && source.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
  };
  for (const name of hearers.keys()) attach(name);
}

function add(names, heard) {
  for (const name of names) {
    const known = hearers.has(name);
    if (!known) hearers.set(name, []);
    hearers.get(name).push(heard);
    if (!known && source) attach(name);
  }
}

// Calls `heard(name, data)` for every event.
export function listen(names, heard) {
  steady = true;
  add(names, heard);
  if (!source) connect();
}

// The same, but only while the page is seen; `again()` is called when it is seen anew, since events may be missing.
export function listenWhileSeen(names, heard, again) {
  add(names, heard);
  if (!source && !document.hidden) connect();
  document.addEventListener("visibilitychange", () => {
    if (steady) return;
    if (document.hidden) {
      source?.close();
      source = null;
    } else if (!source) {
      connect();
      again();
    }
  });
}
