// The live list: each scan arrives as a finished row, so the words are the server's in either language.

import { listen } from "./live.js";

const table = document.getElementById("scans");
const body = table.tBodies[0];
const KEEP = 100;

async function row(key) {
  const answer = await fetch(`/scans/row/${encodeURIComponent(key)}`, { headers: { accept: "text/html" } });
  return answer.ok ? answer.text() : "";
}

function wanted(scan) {
  const { station, outcome } = table.dataset;
  return (!station || station === scan.station) && (!outcome || outcome === scan.outcome);
}

listen(["scan"], async (_, data) => {
  const scan = JSON.parse(data);
  if (!wanted(scan) || body.querySelector(`[data-key="${CSS.escape(scan.key)}"]`)) return;
  const html = await row(scan.key);
  if (!html || body.querySelector(`[data-key="${CSS.escape(scan.key)}"]`)) return;
  document.getElementById("no-scans")?.remove();
  body.insertAdjacentHTML("afterbegin", html);
  body.firstElementChild.classList.add("fresh");
  while (body.rows.length > KEEP) body.lastElementChild.remove();
});
