// One way to hear the hub: server-sent events that reconnect, and a mark that says when they are off.

const mark = document.getElementById("live");

function show(on) {
  if (!mark) return;
  mark.dataset.state = on ? "on" : "off";
  mark.textContent = on ? mark.dataset.on : mark.dataset.off;
}

// Calls `heard(name, data)` for every event. The browser reconnects by itself; where it gives up, this does.
export function listen(names, heard) {
  const source = new EventSource("/api/v1/events");
  source.onopen = () => show(true);
  source.onerror = () => {
    show(false);
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(() => listen(names, heard), 3000);
    }
  };
  for (const name of names) {
    source.addEventListener(name, (event) => heard(name, event.data));
  }
}
