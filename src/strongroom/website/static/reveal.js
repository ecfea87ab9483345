// The style sheet alone hides a person after a minute. This removes the text itself, and earlier: when the window
// loses the focus, the tab is hidden, or the page is left by whatever way.
const opened = document.querySelector(".reveal");
const shown = opened.querySelector(".shown");
const hide = () => {
  shown.replaceChildren();
  opened.classList.add("over");
};
setTimeout(hide, Number(opened.dataset.seconds) * 1000);
addEventListener("blur", hide);
addEventListener("pagehide", hide);
document.addEventListener("visibilitychange", () => document.hidden && hide());
addEventListener("pageshow", (event) => event.persisted && location.reload());
