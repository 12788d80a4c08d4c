// Keys that work on every page, and forms that ask before they act. What each key does stands in the page itself, in the
// cheat sheet: this script has one small function for each of its words.

const sheet = document.getElementById("keys");
const lines = sheet ? [...sheet.querySelectorAll("[data-keys]")] : [];
const keys = new Map(lines.map((line) => [line.dataset.keys, line.dataset]));
const starts = new Set([...keys.keys()].filter((key) => key.includes(" ")).map((key) => key.split(" ")[0]));
const PAUSE_MS = 1200;
let begun = "";
let beginning = 0;

const rows = () => [...document.querySelectorAll("main tr[data-row]")];

function current() {
  return document.activeElement?.closest("tr[data-row]") ?? document.querySelector("tr[data-row].current");
}

function move(step) {
  const all = rows();
  if (all.length === 0) return;
  const here = all.indexOf(current());
  const there = all[Math.min(Math.max(here + step, 0), all.length - 1)];
  all.forEach((row) => row.classList.toggle("current", row === there));
  (there.querySelector("a[href]") ?? there).focus();
  there.scrollIntoView({ block: "nearest" });
}

const acts = {
  search() {
    document.getElementById("search")?.focus();
  },
  next() {
    move(1);
  },
  previous() {
    move(-1);
  },
  open() {
    current()?.querySelector("a[href]")?.click();
  },
  select() {
    current()?.querySelector("input[type=checkbox]")?.click();
  },
  page(rel) {
    document.querySelector(`main a[rel=${rel}]`)?.click();
  },
  go(to) {
    location.assign(to);
  },
  help() {
    sheet.showModal();
  },
  leave() {
    if (sheet?.open) sheet.close();
    else document.activeElement?.blur();
  },
};

function isTyping(target) {
  const tag = target.tagName;
  const text = tag === "INPUT" && !["checkbox", "radio", "button", "submit"].includes(target.type);
  return text || tag === "TEXTAREA" || tag === "SELECT" || target.isContentEditable;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key !== "Escape" && (isTyping(event.target) || sheet?.open)) return;
  const late = event.timeStamp - beginning > PAUSE_MS;
  const pressed = begun && !late ? `${begun} ${event.key}` : event.key;
  begun = "";
  if (starts.has(event.key) && pressed === event.key) {
    begun = event.key;
    beginning = event.timeStamp;
    return;
  }
  const line = keys.get(pressed) ?? keys.get(event.key);
  if (!line) return;
  event.preventDefault();
  acts[line.does](line.to);
});

document.getElementById("show-keys")?.addEventListener("click", () => acts.help());
document.getElementById("hide-keys")?.addEventListener("click", () => sheet.close());
