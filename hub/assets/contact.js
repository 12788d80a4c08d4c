// Puts the mask over a contact again when its time is over. The hub does so by itself; this is for a page that stays open.

const panel = document.querySelector("[data-left-ms]");
if (panel) {
  const left = Number(panel.dataset.leftMs);
  setTimeout(() => location.reload(), Math.max(0, left) + 500);
}
