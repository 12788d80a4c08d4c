// Puts a picture on the screen. Text only ever goes in as text: codes and titles come from outside.

import { ago, currentLanguage, duration, timeOfDay, translated, word } from "./words.js";

// A release is for the parcel in the hand: after this the screen is free for the next one.
const RELEASE_MS = 10000;
const CONTENT_MAX = 6;

const find = (id) => document.getElementById(id);

// What the answer field shows: `idle`, `waiting`, `overtaken` or an outcome.
export function kindOf(answer, shownMs) {
  if (!answer) return "idle";
  if (answer.stage === "waiting" || !answer.outcome) return "waiting";
  if (answer.stage === "overtaken") return "overtaken";
  if (answer.outcome === "release" && Math.max(answer.scanned_ms, shownMs) > RELEASE_MS) return "idle";
  return answer.outcome;
}

// Everything that stays the same until the next picture.
export function draw(picture, kind) {
  for (const element of document.querySelectorAll("[data-word]")) put(element, word(element.dataset.word));
  find("code").placeholder = word("manual_hint");
  put(find("station"), picture.station);
  put(find("site"), picture.site_title || picture.site);
  put(find("counts"), counts(picture.counts));
  put(find("program"), `${picture.program} · ${word("position", picture.replica.seq, picture.revision)}`);
  document.title = `${picture.station} · Packline`;
  drawAlarms(picture.alarms);
  drawAnswer(picture, kind);
  renew(find("recent"), recents(picture.recent));
  renew(find("scanners"), scanners(picture.scanners));
}

// What changes with time alone; `sinceMs` is how long ago the picture came.
export function drawTimes(picture, sinceMs) {
  put(find("clock"), timeOfDay(picture.wall + sinceMs));
  renew(find("pills"), pills(picture, sinceMs));
  const answer = picture.answer;
  if (answer?.outcome === "release" && find("answer").dataset.kind === "idle") {
    put(find("about"), word("last_release", answer.digits, ago(answer.scanned_ms + sinceMs)));
  }
}

export function drawLost({ what, since }) {
  find("lost").hidden = what === "fine";
  if (what === "fine") return;
  put(find("lost_word"), word(what));
  put(find("lost_action"), word(`${what}_action`));
  put(find("lost_since"), word(`${what}_since`, duration(since)));
}

export function drawToast(text) {
  find("toast").hidden = !text;
  put(find("toast"), text ?? "");
}

function counts({ release, ask, stop }) {
  return `${word("release")} ${release} · ${word("ask")} ${ask} · ${word("stop")} ${stop}`;
}

function drawAlarms(alarms) {
  find("alarms").hidden = alarms.length === 0;
  const item = ({ key, text }) => {
    const own = translated("alarm", key, text);
    return make("li", {}, own, ...(own === text ? [] : [" ", make("small", { lang: "en" }, text)]));
  };
  renew(find("alarms"), alarms.map(item));
}

function drawAnswer(picture, kind) {
  const { answer } = picture;
  const [first, ...others] = kind === "stop" || kind === "ask" ? answer.reasons : [];
  const own = first?.[currentLanguage()];
  const field = find("answer");
  // The same answer a second time must be seen to be a new one.
  if (answer && field.dataset.number !== String(answer.number)) restart(field);
  field.dataset.kind = kind;
  field.dataset.number = answer?.number ?? "";
  field.dataset.others = others.length > 0 ? "some" : "none";
  put(find("word"), word(kind));
  put(find("digits"), kind === "idle" ? "" : answer.digits);
  find("digits").dataset.label = word("last_four");
  put(find("sentence"), own ? own.sentence : (word(`${kind}_sentence`) ?? ""));
  put(find("about"), first?.about ?? "");
  put(find("action"), own?.action ?? "");
  put(find("clears"), own ? word("clears", own.clears) : "");
  find("acknowledge").hidden = !own || answer.acknowledged;
  renew(find("badges"), kind === "idle" ? [] : badges(picture));
  renew(find("reasons"), others.map(reason));
  renew(find("details"), kind === "idle" ? [] : details(answer));
}

function badges({ answer, scanners: all }) {
  const locked = all.some(({ scanner, locked }) => locked && scanner === answer.scanner);
  const shown = [answer.repeat && word("repeat"), locked && word("locked")].filter(Boolean);
  return shown.map((text) => make("span", {}, text));
}

function reason(found) {
  const { sentence, action } = found[currentLanguage()];
  const about = found.about ? [make("span", { class: "quiet" }, found.about)] : [];
  return make("li", {}, make("b", {}, sentence), ...about, make("span", {}, action));
}

function details(answer) {
  const { parcel } = answer;
  const rows = [[word("code"), answer.code ? code(answer.code) : word("no_read")]];
  if (parcel) {
    rows.push([word("order"), `${parcel.order_no} · ${parcel.platform}`]);
    if (parcel.part.of > 1) rows.push([word("part"), word("part_of", parcel.part.number, parcel.part.of)]);
    if (parcel.content.length > 0) rows.push([word("content"), content(parcel.content)]);
  }
  rows.push([word("scanner"), `${scannerName(answer.scanner)} · ${timeOfDay(answer.at)}`]);
  rows.push([word("data_age"), answer.age_ms === null ? word("data_unknown") : ago(answer.age_ms)]);
  return rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
}

function content(goods) {
  const shown = goods.slice(0, CONTENT_MAX).map(([title, pieces]) => `${pieces} × ${title}`);
  const hidden = goods.length - shown.length;
  return [...shown, ...(hidden > 0 ? [word("more", hidden)] : [])].join(word("comma"));
}

// The code with what people compare by eye in bold.
function code(text) {
  const cut = Math.max(0, text.length - 4);
  return make("span", { class: "code" }, make("span", {}, text.slice(0, cut)), make("b", {}, text.slice(cut)));
}

function recents(answers) {
  if (answers.length === 0) return [make("li", { class: "quiet" }, word("nothing_yet"))];
  return answers.map((answer) => {
    const kind = kindOf({ ...answer, scanned_ms: 0 }, 0);
    const unseen = (kind === "stop" || kind === "ask") && !answer.acknowledged;
    const why = answer.reason?.[currentLanguage()].sentence;
    const notes = [word(kind), why, answer.repeat && word("repeat"), unseen && kind === "stop" && word("unseen_stop")];
    return make(
      "li",
      { "data-kind": kind },
      make("i", { "aria-hidden": "true" }),
      answer.code ? code(answer.code) : make("span", { class: "quiet" }, word("no_read")),
      make("time", {}, timeOfDay(answer.at)),
      make("span", { class: "notes" }, notes.filter(Boolean).join(" · ")),
    );
  });
}

function scanners(all) {
  if (all.length === 0) return [make("li", { class: "quiet" }, word("no_scanners"))];
  return all.map(({ scanner, online, why, locked }) => {
    const state = online ? word(locked ? "locked_short" : "online") : translated("away", why, why) || word("offline");
    const name = make("b", {}, scannerName(scanner));
    return make("li", { "data-state": online ? "fine" : "bad" }, name, make("span", {}, state));
  });
}

function scannerName(scanner) {
  return scanner === "manual" ? word("manual_scanner") : scanner;
}

function pills({ link, replica, journal, age_ms: ageMs, stale, wall_trusted: clockSure }, sinceMs) {
  const age = ageMs === null ? word("data_unknown") : word("data", ago(ageMs + sinceMs));
  const empty = replica.rows === 0;
  const shown = [
    [link.up ? "fine" : "bad", connection(link, sinceMs)],
    doing(link),
    empty ? ["bad", word("replica_empty")] : [stale ? "bad" : "fine", age],
    stale && !empty && ["bad", word("data_stale")],
    journal.backlog > 0 && ["plain", word("backlog", journal.backlog)],
    journal.percent >= 50 && ["plain", word("journal", journal.percent)],
    !clockSure && ["bad", word("clock_unsure")],
  ];
  return shown.filter(Boolean).map(([state, text]) => make("li", { "data-state": state }, text));
}

function connection({ up, for_ms: forMs, what }, sinceMs) {
  if (up) return word("link_up");
  const since = forMs === null || what !== "connecting" ? "" : ` ${duration(forMs + sinceMs)}`;
  return word("link_down") + since;
}

function doing({ what, to, part, of }) {
  const text = { catching_up: word("catching_up", to), fetching: word("fetching", part, of), mending: word("mending") };
  return text[what] && ["plain", text[what]];
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Replaces children only when they would look different, so that nothing flickers and a selection survives.
function renew(element, children) {
  const fresh = document.createElement(element.tagName);
  fresh.append(...children);
  if (fresh.innerHTML !== element.innerHTML) element.replaceChildren(...fresh.childNodes);
}

function restart(element) {
  element.classList.remove("new");
  void element.offsetWidth;
  element.classList.add("new");
}

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
