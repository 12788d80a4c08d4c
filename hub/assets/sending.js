// What was just sent shows how it went: the part that changes is fetched again whenever something went out.

import { listen } from "./live.js";

let waiting = false;

async function redraw() {
  waiting = false;
  const place = document.getElementById("fresh");
  // A part that somebody is about to act on stays as it is.
  if (!place || place.querySelector("details[open]") || place.contains(document.activeElement)) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  place.replaceWith(page.getElementById("fresh"));
}

listen(["effect"], () => {
  if (waiting) return;
  waiting = true;
  setTimeout(redraw, 300);
});
