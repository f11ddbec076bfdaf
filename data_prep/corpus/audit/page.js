"use strict";
// Shows one record at a time, keeps in the browser what is entered as it is entered, and saves it to a file.
(() => {
  const bar = document.getElementById("progress");
  const annotator = bar.elements.annotator;
  const output = bar.querySelector("output");
  const warning = bar.querySelector("[role=alert]");
  const place = `videokr ${bar.dataset.page}`;
  const cases = [...document.querySelectorAll(".case")].map((node) => ({ node, form: node.querySelector("form") }));
  const entered = (form) => Object.fromEntries(new FormData(form));
  let current = 0;
  let isKept = true; // in the browser, or in a file

  const warn = (text) => {
    warning.textContent = text;
    warning.hidden = !text;
  };

  const differs = (form) =>
    [...form.elements].some((field) =>
      field.type === "radio" ? field.checked : field.value !== field.defaultValue,
    );
  const isDone = ({ form }) => (form.elements.verdict ? Boolean(form.elements.verdict.value) : differs(form));

  const show = () => {
    for (const [number, { node }] of cases.entries()) node.hidden = number !== current;
    const done = cases.filter(isDone).length;
    bar.querySelector("progress").value = done;
    output.textContent = `record ${current + 1}, ${done} of ${cases.length} done`;
  };

  const go = (number) => {
    if (!cases[number]) return;
    current = number;
    show();
    cases[current].node.focus({ preventScroll: true });
    bar.scrollIntoView();
  };

  const nextOpen = () => {
    const open = cases.flatMap((one, number) => (isDone(one) ? [] : [number]));
    go(open.find((number) => number > current) ?? open[0]);
  };

  const keep = () => {
    const entries = Object.fromEntries(
      cases.filter(({ form }) => differs(form)).map(({ node, form }) => [node.dataset.digest, entered(form)]),
    );
    try {
      localStorage.setItem(place, JSON.stringify({ annotator: annotator.value, entries }));
      isKept = true;
    } catch (error) {
      isKept = false;
      warn(`This browser does not keep what you enter (${error.message}). Save it to a file before you leave this page.`);
    }
    show();
  };

  const restore = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(place)) || { annotator: "", entries: {} };
      annotator.value = kept.annotator;
      for (const { node, form } of cases) {
        form.reset();
        for (const [name, value] of Object.entries(kept.entries[node.dataset.digest] || {}))
          if (form.elements[name]) form.elements[name].value = value;
      }
    } catch (error) {
      isKept = false;
      warn(`What this browser kept cannot be read (${error.message}). Save what you enter to a file.`);
    }
    show();
  };

  const save = () => {
    if (!annotator.value.trim()) {
      warn("Give your name first: it says whose verdicts these are.");
      annotator.focus();
      return;
    }
    const done = cases.filter(isDone);
    const records = done.map(({ node, form }) => ({
      record: node.dataset.record,
      digest: node.dataset.digest,
      ...entered(form),
    }));
    const file = { annotator: annotator.value.trim(), step: bar.dataset.step, records };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(file, null, 1)], { type: "application/json" }));
    link.download = `${file.step}.${file.annotator}.json`;
    link.click();
    isKept = true;
    const noted = cases.filter((one) => !isDone(one) && differs(one.form)).length;
    warn(noted ? `Not in the file: ${noted} records with a note and no verdict.` : "");
    output.textContent = `a file with ${done.length} of ${cases.length} records`;
  };

  document.addEventListener("input", keep);
  document.addEventListener("submit", (event) => event.preventDefault());
  bar.querySelector("button").addEventListener("click", save);
  addEventListener("storage", (event) => event.key === place && restore()); // the same page in another tab
  addEventListener("beforeunload", (event) => isKept || event.preventDefault());

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.activeElement.blur();
    const isTyping = event.target.matches("textarea, input:not([type=radio])");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const field = cases[current].node.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (field?.type === "radio") field.click();
    else if (field) {
      field.focus();
      if (field.type === "text") field.select();
    } else if (event.key === "j") go(current + 1);
    else if (event.key === "k") go(current - 1);
    else if (event.key === "o") nextOpen();
    else if (event.key === "s") save();
    else return;
    event.preventDefault();
  });

  restore();
})();
