// The stream of pictures and beats, and whether it can be believed.
//
// It connects again by itself, for ever. A page of an older program reloads.

// Without a beat for so long, nothing on the screen can be believed.
const SILENCE_MS = 2000;
// A station that is well says something every second, even when its web server has nothing new.
const STATION_SILENCE_MS = 3000;
// A browser connects again by itself, unless it was refused (closed) or its connection hangs (stuck).
const RETRY_MS = 1000;
const STUCK_MS = 4000;
// A page that does not become new by reloading must not reload for ever.
const RELOAD_MS = 10000;

export class Stream {
  #source = null;
  #tried = -Infinity;
  #heard = performance.now();
  #silent = 0;
  #broken = false;
  #onPicture;

  constructor(onPicture) {
    this.#onPicture = onPicture;
    this.#connect();
  }

  // Looks after the connection; called a few times a second. Says what is wrong, and since how many milliseconds:
  // `lost` is the way to the station, `hung` the station itself.
  check() {
    const now = performance.now();
    const since = now - this.#heard;
    const closed = this.#source.readyState === EventSource.CLOSED;
    const patience = closed ? RETRY_MS : STUCK_MS;
    if ((closed || since > STUCK_MS) && now - this.#tried > patience) this.#connect();
    if (this.#broken || since > SILENCE_MS) return { what: "lost", since };
    const silent = this.#silent + since;
    return silent > STATION_SILENCE_MS ? { what: "hung", since: silent } : { what: "fine", since };
  }

  #connect() {
    this.#source?.close();
    this.#tried = performance.now();
    const source = new EventSource("/api/events");
    source.addEventListener("picture", (event) => this.#hear(source, event, this.#onPicture));
    source.addEventListener("beat", (event) => this.#hear(source, event, () => {}));
    source.addEventListener("error", () => {
      if (source === this.#source) this.#broken = true;
    });
    this.#source = source;
  }

  #hear(source, event, then) {
    if (source !== this.#source) return;
    const said = JSON.parse(event.data);
    if (said.stamp !== document.documentElement.dataset.stamp && this.#reload(said.stamp)) return;
    this.#heard = performance.now();
    this.#silent = said.silent_ms;
    this.#broken = false;
    then(said);
  }

  #reload(stamp) {
    const [before, at] = (sessionStorage.getItem("packline.reload") ?? "").split(" ");
    if (before === stamp && Date.now() - Number(at) < RELOAD_MS) return false;
    sessionStorage.setItem("packline.reload", `${stamp} ${Date.now()}`);
    location.reload();
    return true;
  }
}

// Sends what a person did. Resolves to nothing, or to why it was refused: `{code, detail}`.
export async function send(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.ok) return undefined;
    const { code, detail } = await answer.json();
    return { code, detail };
  } catch {
    return { code: "not_sent", detail: undefined };
  }
}
