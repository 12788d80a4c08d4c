// Keys that work on every page: `/` goes to the search box, `Escape` leaves it.

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select, textarea");
  const search = document.querySelector("input[type=search]");
  if (event.key === "/" && !typing && search) {
    event.preventDefault();
    search.focus();
  }
  if (event.key === "Escape" && typing) event.target.blur();
});
