// Marks what is cut at an edge: the style fades that edge, and the Tab key reaches the part, so that
// the arrow keys scroll it. A part that fits gets neither.
(() => {
  const NAMES = [
    [".pst-scrollable-table-container, .from-records", "Table"],
    ["mjx-container[display='true']", "Formula"],
    [".cell_output > .output pre, .cell_output .output.text_html", "Output"],
    [".bd-article pre", "Code"],
  ];
  const name = (part) => NAMES.find(([selector]) => part.matches(selector))[1];

  function mark(part) {
    const room = part.scrollWidth - part.clientWidth;
    const scrolls = room > 1 && /auto|scroll/.test(getComputedStyle(part).overflowX);
    const left = scrolls && part.scrollLeft > 1, right = scrolls && part.scrollLeft < room - 1;
    part.classList.toggle("cut-left", left);
    part.classList.toggle("cut-right", right);
    if (scrolls && !("wide" in part.dataset)) {
      part.tabIndex = 0;
      part.setAttribute("role", "group");
      part.setAttribute("aria-label", `${name(part)}, wider than the page`);
      part.dataset.wide = "";
    } else if (!scrolls && "wide" in part.dataset) {
      for (const attribute of ["tabindex", "role", "aria-label", "data-wide"]) part.removeAttribute(attribute);
    }
  }

  const seen = new WeakSet();
  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => mark(target)));
  function look() {
    for (const part of document.querySelectorAll(NAMES.map(([selector]) => selector).join(", "))) {
      if (!seen.has(part)) {
        seen.add(part);
        sizes.observe(part);
        part.addEventListener("scroll", () => mark(part), { passive: true });
      }
      mark(part);
    }
  }
  look();
  addEventListener("load", () => {
    look();
    globalThis.MathJax?.startup?.promise?.then(look);
  });
  // What was folded has a width only when it opens.
  document.addEventListener("toggle", look, true);
})();
