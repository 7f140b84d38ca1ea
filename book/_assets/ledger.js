// Hides the entries of a ledger page that do not hold every word of the filter; a link to an entry always shows it.
(() => {
  const field = document.getElementById("ledger-filter");
  const entries = [...document.querySelectorAll(".claim")];
  if (!field || !entries.length) return;
  const count = document.querySelector('output[for="ledger-filter"]');
  const texts = entries.map((entry) => entry.textContent.toLowerCase());

  const filter = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    entries.forEach((entry, index) => {
      entry.hidden = !words.every((word) => texts[index].includes(word));
      shown += entry.hidden ? 0 : 1;
    });
    count.textContent = words.length ? `${shown} of ${entries.length}` : "";
  };
  const showAll = () => {
    field.value = "";
    filter();
  };

  field.addEventListener("input", filter);
  window.addEventListener("hashchange", showAll);
})();
