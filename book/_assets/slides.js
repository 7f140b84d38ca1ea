// From screen to screen by keyboard: right arrow, Page Down or space forwards, left arrow or Page Up back.
(() => {
  const top = document.querySelector(".bd-article > section");
  if (!top) return;
  const screens = [top.querySelector("h1"), ...top.querySelectorAll(":scope > section")];
  const header = () => document.querySelector(".bd-header-article")?.getBoundingClientRect().bottom ?? 0;

  // The last screen that begins in the upper third of the window.
  const current = () =>
    Math.max(0, screens.findLastIndex((screen) => screen.getBoundingClientRect().top < window.innerHeight / 3));

  const show = (number) => {
    const screen = screens[Math.min(Math.max(number, 0), screens.length - 1)];
    if (screen === screens[0]) window.scrollTo({ top: 0, behavior: "instant" });
    else screen.scrollIntoView({ behavior: "instant", block: "start" });
    // A reader who hears the page goes there, too.
    screen.tabIndex = -1;
    screen.focus({ preventScroll: true });
    if (screen.id) history.replaceState(null, "", `#${screen.id}`);
    else history.replaceState(null, "", location.pathname + location.search);
  };

  // Where a screen is longer than the window, the arrows up and down scroll it to its end first.
  const endsBelow = () => screens[current() + 1]?.getBoundingClientRect().top > window.innerHeight + 1;
  const beginsAbove = () => screens[current()].getBoundingClientRect().top < header() - 1;

  window.addEventListener("keydown", (event) => {
    const at = event.target;
    if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    if (at.closest?.("input, textarea, select, button, summary, dialog, [contenteditable], [role=menu]")) return;
    const space = event.key === " " && !at.closest?.("a, mjx-container");
    const back = event.key === "ArrowLeft" || event.key === "PageUp" || (space && event.shiftKey);
    if (event.key === "ArrowRight" || event.key === "PageDown" || (space && !event.shiftKey)) show(current() + 1);
    else if (back) show(current() - 1);
    else if (event.key === "ArrowDown" && !endsBelow()) show(current() + 1);
    else if (event.key === "ArrowUp" && !beginsAbove()) show(current() - 1);
    else if (event.key === "Home") show(0);
    else if (event.key === "End") show(screens.length - 1);
    else return;
    event.preventDefault();
  });
})();
