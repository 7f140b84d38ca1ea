// Shows why a choice is right or wrong, and counts what was right at the first try. Nothing leaves the page.
(() => {
  for (const quiz of document.querySelectorAll(".quiz")) {
    const forms = [...quiz.querySelectorAll(".quiz-question")];
    const result = quiz.querySelector(".quiz-result");
    const output = result.querySelector("output");
    const first = new Map(); // question -> whether its first answer was right

    const count = () => {
      const right = [...first.values()].filter(Boolean).length;
      const rest = forms.length - first.size;
      output.textContent = rest
        ? `${right} of ${first.size} right at the first try, ${rest} more to answer.`
        : `Your result: ${right} of ${forms.length}, counted at the first try.`;
      result.hidden = first.size === 0;
    };

    const clear = (form) => {
      form.querySelector(".quiz-said").replaceChildren();
      for (const label of form.querySelectorAll(".quiz-choice")) label.classList.remove("is-right", "is-wrong");
    };

    const check = (form) => {
      const said = form.querySelector(".quiz-said");
      const chosen = form.querySelector("input:checked");
      clear(form);
      if (!chosen) {
        said.textContent = "Choose one of the answers first.";
        return;
      }
      const why = form.querySelector(`.quiz-explained[data-choice="${chosen.value}"]`).cloneNode(true);
      const right = why.classList.contains("quiz-right");
      chosen.closest("label").classList.add(right ? "is-right" : "is-wrong");
      said.append(why);
      // Formulas are typeset once: MathJax would find its own hidden MathML in a clone and set that, too.
      if (!said.querySelector("mjx-container")) window.MathJax?.typesetPromise?.([said]);
      if (!first.has(form)) first.set(form, right);
      count();
    };

    for (const form of forms) {
      form.querySelector(".quiz-check").hidden = false;
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        check(form);
      });
      // What is said belongs to the choice that was checked.
      form.addEventListener("change", () => clear(form));
    }
    quiz.querySelector(".quiz-again").addEventListener("click", () => {
      first.clear();
      forms.forEach((form) => {
        form.reset();
        clear(form);
      });
      count();
      forms[0].querySelector("input").focus();
    });
    // MathJax gives each formula a place among the tab stops, between a choice and its check.
    window.addEventListener("load", () =>
      window.MathJax?.startup?.promise?.then(() => {
        for (const formula of quiz.querySelectorAll("label mjx-container, legend mjx-container"))
          formula.removeAttribute("tabindex");
      }),
    );
    quiz.classList.add("quiz-live");
  }
})();
