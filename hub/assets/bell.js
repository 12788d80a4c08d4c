// The bell: how many notices are unread. Listens while the page is seen, so that pages in the background hold no
// connection, and looks again when it is seen anew.

import { listenWhileSeen } from "./live.js";

const bell = document.getElementById("bell");
const badge = document.getElementById("bell-count");

async function look() {
  const answer = await fetch("/notices/count", { headers: { accept: "application/json" } });
  if (!answer.ok) return;
  const { unread } = await answer.json();
  badge.textContent = unread >= 100 ? "99+" : unread || "";
  badge.hidden = unread === 0;
  bell.setAttribute("aria-label", unread ? `${bell.dataset.name} (${badge.textContent})` : bell.dataset.name);
}

if (bell) {
  look();
  listenWhileSeen(["notice"], look, look);
}
