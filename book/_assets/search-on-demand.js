// Fetches the search index when a reader turns to the search: until then a page does not need its megabytes. A query
// that is typed before the index is there is kept by Sphinx and answered when it arrives.
(() => {
  let asked = false;
  function fetchIndex() {
    if (asked || !document.querySelector('input[name="q"]')) return;
    asked = true;
    const script = document.createElement("script");
    script.src = `${document.documentElement.dataset.content_root ?? "./"}searchindex.js`;
    document.head.append(script);
  }
  const concerns = (target) => target instanceof Element && target.closest('input[name="q"], .search-button, .bd-search');
  for (const event of ["focusin", "pointerover", "click"]) {
    addEventListener(event, ({ target }) => { if (concerns(target)) fetchIndex(); });
  }
  // The search opens by a key as well.
  addEventListener("keydown", (event) => { if ((event.ctrlKey || event.metaKey) && event.key === "k") fetchIndex(); });
})();
