// What each answer sounds like. They differ in rhythm as well as in pitch: a hall is loud, and not everybody hears all
// pitches. Release is short, stop is low and in threes and comes again until somebody has seen it.

// Pitch in Hz, begin and length in seconds.
const TUNES = {
  release: { wave: "sine", level: 0.5, notes: [[988, 0, 0.09], [1319, 0.1, 0.14]] },
  ask: { wave: "triangle", level: 0.6, notes: [[587, 0, 0.16], [587, 0.32, 0.16]] },
  stop: { wave: "square", level: 0.35, notes: [[247, 0, 0.2], [247, 0.3, 0.2], [185, 0.6, 0.38]] },
  lost: { wave: "triangle", level: 0.4, notes: [[392, 0, 0.12], [294, 0.16, 0.24]] },
};
// From the beginning of one stop to the beginning of the next.
const STOP_AGAIN_MS = 2500;

let context;
let lastStop = -Infinity;

// Browsers keep a page silent until somebody touched it, unless the kiosk allows it.
export function wake() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
}

export function audible() {
  return context?.state === "running";
}

export function play(kind) {
  if (!audible()) return;
  const { wave, level, notes } = TUNES[kind];
  for (const [pitch, begin, length] of notes) tone(wave, level, pitch, context.currentTime + begin, length);
  if (kind === "stop") lastStop = performance.now();
}

// Called a few times a second while a stop waits for somebody.
export function playStopAgain() {
  if (performance.now() - lastStop >= STOP_AGAIN_MS) play("stop");
}

function tone(wave, level, pitch, begin, length) {
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.type = wave;
  oscillator.frequency.value = pitch;
  // Soft edges: a bare start or end clicks.
  gain.gain.setValueAtTime(0, begin);
  gain.gain.linearRampToValueAtTime(level, begin + 0.012);
  gain.gain.setValueAtTime(level, begin + length - 0.03);
  gain.gain.linearRampToValueAtTime(0, begin + length);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(begin);
  oscillator.stop(begin + length);
}
