// The list of orders: says how many orders are new or changed since it was drawn, and keeps empty fields out of its own
// address, so that a list can be sent to a colleague.

import { listen } from "./live.js";

const fresh = document.getElementById("fresh");
const form = document.getElementById("filters");
const seen = new Set();

listen(["orders"], (_, data) => {
  for (const order of JSON.parse(data).orders) seen.add(order);
  fresh.hidden = seen.size === 0;
  fresh.href = location.href;
  fresh.textContent = `${seen.size} ${fresh.dataset.text}`;
});

// The columns count only once somebody opens them: until then the usual ones are shown.
for (const details of form.querySelectorAll("details")) {
  details.addEventListener("toggle", () => {
    for (const box of details.querySelectorAll("input[name=column]")) box.disabled = !details.open;
  });
}

form.addEventListener("formdata", (event) => {
  const empty = [...event.formData.entries()].filter(([, value]) => value === "");
  for (const [name] of empty) event.formData.delete(name);
});

const selection = document.getElementById("selection");
const selected = document.getElementById("selected");
const boxes = () => [...selection.querySelectorAll("input[name=order]")];

function say() {
  if (!selected) return;
  const count = boxes().filter((box) => box.checked).length;
  selected.textContent = count ? `${selected.dataset.text} ${count}` : "";
}

selection.addEventListener("change", (event) => {
  if (event.target.id === "select-page") {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  say();
});
say();
