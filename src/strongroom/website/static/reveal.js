// The style sheet alone hides a person after a minute. This takes the text out of the document too, and earlier: when
// the window loses the focus, the tab is hidden, Escape is pressed, or the page is left by whatever way.
const opened = document.querySelector(".reveal");
const shown = opened.querySelector(".shown");
const form = document.querySelector("#extend");
const fuse = opened.querySelector(".fuse rect");
let end = Date.now() + Number(opened.dataset.seconds) * 1000;
let timer = 0;

const hide = () => {
  clearTimeout(timer);
  shown.replaceChildren();
  opened.classList.add("over");
  form.hidden = true;
  if (document.activeElement?.closest("#extend")) document.querySelector("#hide").focus();
};
const wait = () => {
  clearTimeout(timer);
  timer = setTimeout(hide, Math.max(0, end - Date.now()));
};

const extend = async () => {
  if (form.hidden) return;
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (!answer.ok) {
    form.querySelector(".hint").textContent = "It was shown long enough. Ask again, for a purpose.";
    form.querySelector("button").remove();
    return;
  }
  const { seconds, left } = await answer.json();
  end += seconds * 1000;
  opened.querySelector(".hides").textContent = new Date(end).toLocaleTimeString("en-GB", { timeZone: "Europe/London" });
  fuse.getAnimations().forEach((burning) => { burning.currentTime -= seconds * 1000; });
  shown.getAnimations().forEach((going) => { going.currentTime -= seconds * 1000; });
  form.querySelector(".hint").textContent = left ? `${left} time${left === 1 ? "" : "s"} more at most.` : "That was the last time.";
  if (!left) form.querySelector("button").remove();
  wait();
};

wait();
form.hidden = false;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  extend();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
  if (event.key.toLowerCase() === "e" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat) extend();
});

const copies = opened.querySelector(".copies");
copies.hidden = !navigator.clipboard;
copies.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const from = shown.querySelectorAll(button.dataset.copy)[Number(button.dataset.nth ?? 0)];
  await navigator.clipboard.writeText(from.innerText.trim());
  copies.querySelector(".copied").textContent = "Copied. Paste it where the case needs it, and nowhere else.";
});

addEventListener("blur", hide);
addEventListener("pagehide", hide);
document.addEventListener("visibilitychange", () => document.hidden && hide());
addEventListener("pageshow", (event) => event.persisted && location.replace(opened.dataset.back));
