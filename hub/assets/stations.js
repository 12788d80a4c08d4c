// Station cards are redrawn by the server whenever a station says something, at most once a second.

import { listen } from "./live.js";

const place = document.getElementById("stations");
let waiting = false;

async function redraw() {
  waiting = false;
  // A card that somebody is about to act on stays as it is.
  if (place.querySelector("details[open]")) return;
  const answer = await fetch("/stations/cards", { headers: { accept: "text/html" } });
  if (answer.ok) place.innerHTML = await answer.text();
}

function soon() {
  if (waiting) return;
  waiting = true;
  setTimeout(redraw, 1000);
}

listen(["station"], soon);
setInterval(soon, 5000);
