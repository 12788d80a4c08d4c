// The keyboard. `Enter` acknowledges, `/` begins an entry, `L` changes the language, `Esc` leaves the entry.
//
// Any other character begins an entry with itself. A scanner that types like a keyboard and was not taken by the station
// sends characters faster than a hand: then no character of its code is a command, its Enter acknowledges nothing, and
// the code is entered as if a person had typed it.

// A hand needs longer than this between two keys.
const BURST_MS = 60;
// An Enter so soon after other keys belongs to them.
const SETTLE_MS = 300;

export function listen({ acknowledge, language, begin, leave, submit, entryOpen }) {
  let held = "";
  let timer = 0;
  let typed = -Infinity;

  const release = () => {
    const keys = held;
    held = "";
    if (keys === "/") begin("");
    else if (keys.toLowerCase() === "l") language();
    else if (keys !== "") begin(keys);
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.key === "Escape") {
      leave();
      return;
    }
    if (entryOpen()) return;
    if (event.key === "Enter") {
      enter(event);
    } else if (event.key.length === 1 && !(event.key === " " && event.target.closest("button"))) {
      event.preventDefault();
      hold(event);
    }
  });

  function enter(event) {
    if (performance.now() - typed < SETTLE_MS) {
      event.preventDefault();
      const code = held;
      held = "";
      if (code.length > 1) submit(code);
      return;
    }
    // Enter on a focused button presses that button.
    if (event.repeat || event.target.closest("button")) return;
    event.preventDefault();
    acknowledge();
  }

  function hold(event) {
    if (event.repeat) return;
    typed = performance.now();
    held += event.key;
    clearTimeout(timer);
    timer = setTimeout(release, BURST_MS);
  }
}
