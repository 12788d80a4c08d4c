// The live list. A scan arrives with its words in both languages and fills a copy of the row that the server drew.

import { listen } from "./live.js";

const table = document.getElementById("scans");
const body = table.tBodies[0];
const blank = document.getElementById("row").content.firstElementChild;
const zh = document.documentElement.lang.startsWith("zh");
const KEEP = 100;

function wanted(scan) {
  const { station, outcome } = table.dataset;
  return (!station || station === scan.station) && (!outcome || outcome === scan.outcome);
}

function draw(scan) {
  const row = blank.cloneNode(true);
  const part = (name) => row.querySelector(`[data-of="${name}"]`);
  row.dataset.key = scan.key;
  part("at").textContent = scan.at;
  part("station").textContent = scan.station;
  part("scanner").textContent = scan.scanner;
  part("reason").textContent = zh ? scan.reason_zh : scan.reason_en;
  part("age").textContent = zh ? scan.age_zh : scan.age_en;
  part("repeat").textContent = scan.repeat ? table.dataset.repeat : "";
  const outcome = part("outcome");
  outcome.className = `mark ${scan.tone}`;
  outcome.textContent = zh ? scan.outcome_zh : scan.outcome_en;
  const code = part("code");
  if (scan.order === null) {
    code.textContent = scan.code;
  } else {
    const link = document.createElement("a");
    link.className = "code";
    link.href = `/orders/${scan.order}`;
    link.textContent = scan.code;
    code.replaceWith(link);
  }
  return row;
}

listen(["scan"], (_, data) => {
  const scan = JSON.parse(data);
  if (!wanted(scan)) return;
  const shown = body.querySelector(`[data-key="${CSS.escape(scan.key)}"]`);
  if (shown) {
    if (scan.withdrawn) shown.replaceWith(draw(scan));
    return;
  }
  document.getElementById("no-scans")?.remove();
  const row = draw(scan);
  row.classList.add("fresh");
  body.prepend(row);
  while (body.rows.length > KEEP) body.lastElementChild.remove();
});
