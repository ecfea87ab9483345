// The pack station without reloads: the scan goes out, the answer replaces what is shown, the field keeps the focus.
// Everything works the same without this file, only with a page load in between.
const parts = ["#result", "#side", ".mast", "#scan-form label"];
let sound = null;

// Two tones up: good. One low: stop. Two equal: look. Never the only sign: word and icon say the same.
const tones = { true: [660, 880], false: [196, 196], due: [440, 440], unknown: [440, 440] };

const play = (state) => {
  const pitches = tones[state];
  if (!pitches) return;
  sound ??= new AudioContext();
  pitches.forEach((pitch, place) => {
    const at = sound.currentTime + place * 0.14;
    const tone = sound.createOscillator();
    const volume = sound.createGain();
    tone.frequency.value = pitch;
    tone.type = state === "false" ? "square" : "sine";
    volume.gain.setValueAtTime(0.2, at);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.13);
    tone.connect(volume).connect(sound.destination);
    tone.start(at);
    tone.stop(at + 0.14);
  });
};

const focus = () => document.querySelector("#scan").focus({ preventScroll: true });

const show = async (answer) => {
  if (answer.redirected && !answer.url.endsWith("/pack")) {
    location.assign(answer.url);
    return;
  }
  const before = document.querySelector("#result").dataset.at;
  const found = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const fresh = found.querySelector(part);
    const old = document.querySelector(part);
    if (!fresh || !old) {
      location.assign("/pack");
      return;
    }
    const open = [...old.querySelectorAll("details")].map((d) => d.open);
    old.replaceWith(document.importNode(fresh, true));
    document.querySelector(part).querySelectorAll("details").forEach((d, n) => { d.open = open[n] || d.open; });
  }
  document.title = found.title;
  const result = document.querySelector("#result");
  if (result.dataset.at !== before) play(result.dataset.state);
  if (result.dataset.again) setTimeout(look, 700);
};

const look = async () => {
  const choosing = document.activeElement?.closest("#side, .choices");
  if (!choosing) await show(await fetch("/pack"));
};

const send = async (form, submitter) => {
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, submitter)) });
  await show(answer);
  focus();
};

let queue = Promise.resolve();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.closest("main")) return;
  event.preventDefault();
  const field = form.querySelector("#scan");
  const data = field ? form.cloneNode(true) : form;
  if (field) {
    if (!field.value.trim()) return;
    data.querySelector("#scan").value = field.value;
    field.value = "";
  }
  // One after another: a quick scanner's second scan waits for the first one's answer, and none is lost.
  queue = queue.then(() => send(data, field ? null : event.submitter)).catch(() => location.assign("/pack"));
});

// A scanner types wherever the focus is: bring it back to the field, unless somebody is choosing something.
document.addEventListener("keydown", (event) => {
  const elsewhere = document.activeElement?.closest("#side, .choices, .mast");
  if (!elsewhere && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) focus();
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("a, button, select, summary, input, label")) focus();
});
if (document.querySelector("#result").dataset.again) setTimeout(look, 700);
focus();
