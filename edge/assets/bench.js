// The bench page: shows what the station says, as it says it, and nothing it does not say.
//
// A picture replaces everything. When no beat comes, the screen is covered: an old answer is worse than none.

import { draw, drawLost, drawTimes, drawToast, kindOf } from "./draw.js";
import { listen } from "./keys.js";
import { audible, play, playStopAgain, wake } from "./sound.js";
import { Stream, send } from "./stream.js";
import { currentLanguage, speak, translated, word } from "./words.js";

const TICK_MS = 200;
const TOAST_MS = 4000;
// A sound belongs to a scan just made, not to one that was there when the page came.
const FRESH_MS = 3000;

const entry = document.getElementById("entry");
const code = document.getElementById("code");
const spoken = document.getElementById("spoken");
const mute = document.getElementById("sound");

let picture = null;
let received = 0;
// The answer on the screen: which, since when, and what was drawn and said of it.
let shown = { name: "", since: 0, kind: "" };
let trouble = { what: "fine", since: 0 };
let toast = { text: "", until: 0 };

speak(remembered());
document.documentElement.lang = currentLanguage();

const stream = new Stream((next) => {
  adoptLanguage(picture, next);
  picture = next;
  received = performance.now();
  look();
  draw(picture, shown.kind);
  tick();
});
setInterval(tick, TICK_MS);
document.addEventListener("visibilitychange", tick);

function tick() {
  const before = trouble.what;
  trouble = stream.check();
  drawLost(trouble);
  if (trouble.what !== "fine" && before === "fine") {
    play("lost");
    say(`${word(trouble.what)}. ${word(`${trouble.what}_action`)}`);
  }
  mute.hidden = audible();
  drawToast(performance.now() < toast.until ? toast.text : notice());
  if (!picture) return;
  if (trouble.what !== "fine") {
    forget();
    return;
  }
  if (look()) draw(picture, shown.kind);
  drawTimes(picture, performance.now() - received);
  if (shown.kind === "stop" && !picture.answer.acknowledged) playStopAgain();
}

// Takes in what the answer field has to show; whether that is something else than before.
function look() {
  const { answer, boot } = picture;
  const now = performance.now();
  const name = answer ? `${boot}/${answer.number}` : "";
  if (name !== shown.name) shown = { name, since: now, kind: "" };
  const kind = kindOf(answer, now - shown.since);
  if (kind === shown.kind) return false;
  shown.kind = kind;
  announce(answer, kind);
  return true;
}

function announce(answer, kind) {
  if (!["release", "ask", "stop"].includes(kind)) return;
  if (kind === "stop" || answer.scanned_ms < FRESH_MS) play(kind);
  const first = answer.reasons[0]?.[currentLanguage()];
  say([word(kind), answer.digits, first?.sentence, first?.action].filter(Boolean).join(". "));
}

// Nothing under the cover is true any more; when the station is heard again it says what is.
function forget() {
  if (!picture.answer) return;
  picture = { ...picture, answer: null };
  shown = { name: "", since: 0, kind: "idle" };
  draw(picture, "idle");
}

function say(text) {
  spoken.textContent = text;
}

function notice() {
  return picture?.notice?.[currentLanguage()] ?? "";
}

function tell(text) {
  toast = { text, until: performance.now() + TOAST_MS };
  drawToast(text);
}

async function act(path, body) {
  const refused = await send(path, body);
  if (refused) {
    const english = refused.detail ?? word("not_sent");
    tell(translated("problem", refused.code, english));
  }
  return !refused;
}

function acknowledge() {
  if (!picture || trouble.what !== "fine" || shown.kind === "waiting") return;
  const waits = ({ outcome, acknowledged }) => (outcome === "stop" || outcome === "ask") && !acknowledged;
  const answer = picture.answer ?? picture.recent.find(waits);
  if (answer) act("/api/acknowledge", { number: answer.number });
}

async function submit(text) {
  leave();
  if (trouble.what === "fine" && text.trim() && (await act("/api/scan", { code: text }))) tell(word("sent", text.trim()));
}

function begin(text) {
  code.value = text;
  code.focus();
}

function leave() {
  code.value = "";
  code.blur();
}

// The station holds the language, so that the bench code for it works; this page remembers it over a restart.
function chooseLanguage(language) {
  speak(language);
  document.documentElement.lang = language;
  try {
    localStorage.setItem("packline.language", language);
  } catch {
    // A browser that keeps nothing forgets the language too.
  }
  if (picture) draw(picture, shown.kind);
}

function adoptLanguage(before, next) {
  if (before?.boot === next.boot) {
    if (before.language !== next.language) chooseLanguage(next.language);
  } else if (remembered() === null) {
    speak(next.language);
    document.documentElement.lang = next.language;
  } else if (remembered() !== next.language) {
    send("/api/language", { language: currentLanguage() });
  }
}

function remembered() {
  try {
    return localStorage.getItem("packline.language");
  } catch {
    return null;
  }
}

function otherLanguage() {
  chooseLanguage(currentLanguage() === "zh" ? "en" : "zh");
  send("/api/language", { language: currentLanguage() });
}

listen({ acknowledge, language: otherLanguage, begin, leave, submit, entryOpen: () => document.activeElement === code });
document.getElementById("acknowledge").addEventListener("click", acknowledge);
document.getElementById("language").addEventListener("click", otherLanguage);
entry.addEventListener("submit", (event) => {
  event.preventDefault();
  submit(code.value);
});
// After a press with the finger or the mouse, Enter is for the answer again.
document.addEventListener("click", (event) => {
  if (event.detail > 0) event.target.closest("button")?.blur();
});
for (const kind of ["keydown", "pointerdown"]) document.addEventListener(kind, wake);
wake();
