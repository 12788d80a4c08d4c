// While an export is on its way, its rows are drawn again by the server, once a second.

const place = document.getElementById("exports");

async function redraw() {
  const answer = await fetch("/exports/rows", { headers: { accept: "text/html" } });
  if (answer.ok) place.innerHTML = await answer.text();
  if (place.querySelector("[data-open]")) setTimeout(redraw, 1000);
}

if (place.dataset.running === "true") setTimeout(redraw, 1000);
