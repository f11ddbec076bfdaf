"use strict";
// Shows those examples that the filters in the page's fragment ask for, as in #verdict=wrong&benchmark=videokr_mmvu.
// Everything else on the page is there without this script.
(() => {
  const form = document.getElementById("filters");
  if (!form) return;
  const output = form.querySelector("output");
  const names = [...form.elements].map((field) => field.name).filter(Boolean);
  const cases = [...document.querySelectorAll(".case")].map((node) => ({
    node,
    benchmark: node.dataset.benchmark,
    groups: JSON.parse(node.dataset.groups),
    said: [...node.querySelectorAll(".said")].map((part) => ({
      node: part,
      run: part.dataset.run,
      verdict: part.dataset.verdict,
    })),
    text: null,
  }));

  const wanted = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    return Object.fromEntries(names.map((name) => [name, given.get(name) || ""]));
  };

  const fits = (one, filters, words) => {
    if (filters.benchmark && one.benchmark !== filters.benchmark) return false;
    if (filters.group && !one.groups.includes(filters.group)) return false;
    const said = filters.run ? one.said.filter((part) => part.run === filters.run) : one.said;
    if (!said.length) return false;
    if (filters.verdict === "disagree") {
      if (new Set(one.said.map((part) => part.verdict)).size < 2) return false;
    } else if (filters.verdict && !said.some((part) => part.verdict === filters.verdict)) {
      return false;
    }
    if (!words.length) return true;
    one.text ??= one.node.textContent.toLowerCase();
    return words.every((word) => one.text.includes(word));
  };

  const show = () => {
    const filters = wanted();
    const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const name of names) {
      const field = form.elements[name];
      if (document.activeElement !== field) field.value = filters[name];
    }
    let shown = 0;
    for (const one of cases) {
      const visible = fits(one, filters, words);
      shown += visible;
      one.node.hidden = !visible;
      if (!visible) continue;
      for (const part of one.said) part.node.hidden = Boolean(filters.run) && part.run !== filters.run;
    }
    output.textContent = `${shown.toLocaleString("en")} of ${cases.length.toLocaleString("en")} examples`;
    document.documentElement.dataset.shown = shown;
    return names.some((name) => filters[name]);
  };

  const apply = () => {
    const filters = new URLSearchParams();
    for (const name of names) if (form.elements[name].value) filters.set(name, form.elements[name].value);
    // Never an empty fragment, which would lead to the top of the page.
    location.replace(`#${filters.toString() || "verdict="}`);
  };

  let typing = 0;
  form.addEventListener("input", (event) => {
    clearTimeout(typing);
    typing = setTimeout(apply, event.target.type === "search" ? 200 : 0);
  });
  form.addEventListener("reset", () => setTimeout(apply, 0));
  form.addEventListener("submit", (event) => event.preventDefault());
  const examples = document.getElementById("examples");
  addEventListener("hashchange", () => {
    if (location.hash.includes("=")) show();
  });
  // Counts and bars lead to the examples behind them.
  for (const cell of document.querySelectorAll("[data-shows]")) {
    const link = document.createElement("a");
    link.href = `#${cell.dataset.shows}`;
    link.append(...cell.childNodes);
    link.addEventListener("click", () => examples.scrollIntoView());
    cell.append(link);
  }
  form.hidden = false;
  if (show()) examples.scrollIntoView();
})();
