// Search and filters of the catalogue, and a warning where a certificate has expired since the page was made.
// The pages read without it. It asks nothing of any server, and keeps its state in the address after the "#".
"use strict";

(() => {
  const STEP = 50;

  // The reader's clock can be wrong, so this adds a warning and takes nothing away.
  const warn = (element, text) => {
    const late = document.createElement("p");
    late.className = "late bad";
    late.textContent = text;
    element.append(late);
  };
  const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  for (const element of document.querySelectorAll("[data-until]")) {
    if (element.dataset.state === "valid" && element.dataset.until < now) {
      warn(element, element.closest("[data-late]").dataset.late);
    }
  }

  const form = document.getElementById("filter");
  const index = window.PQV_INDEX;
  if (!form || !index) return;

  const cards = [...document.querySelectorAll("#list > li")];
  const query = document.getElementById("q");
  const shown = document.getElementById("shown");
  const none = document.getElementById("none");
  const more = document.getElementById("more");
  const numbers = new Intl.NumberFormat(document.documentElement.lang);
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const place = new Map(index.facets.map((facet, number) => [facet, number]));
  const boxes = [...form.querySelectorAll("input[type=checkbox]")].map((box) => ({
    box,
    facet: place.get(box.name),
    count: box.parentElement.querySelector(".count"),
  }));
  const counters = index.facets.map(() => new Map());
  for (const row of boxes) counters[row.facet].set(row.box.value, 0);
  let limit = STEP;

  const apply = () => {
    const terms = fold(query.value).split(/\s+/).filter(Boolean);
    const wanted = index.facets.map(() => null);
    for (const { box, facet } of boxes) {
      if (box.checked) (wanted[facet] ??= new Set()).add(box.value);
    }
    for (const counter of counters) for (const value of counter.keys()) counter.set(value, 0);
    let found = 0;
    index.rows.forEach((row, number) => {
      let misses = 0;
      let missed = -1;
      const said = terms.every((term) => row.t.includes(term));
      if (said) {
        wanted.forEach((values, facet) => {
          if (values && !row.f[facet].some((value) => values.has(value))) {
            misses += 1;
            missed = facet;
          }
        });
        // The number beside a choice is what it would give, the other filters as they are.
        if (misses <= 1) {
          row.f.forEach((values, facet) => {
            if (misses === 0 || facet === missed) {
              for (const value of values) counters[facet].set(value, counters[facet].get(value) + 1);
            }
          });
        }
      }
      const fits = said && misses === 0;
      if (fits) found += 1;
      const hidden = !fits || found > limit;
      if (cards[number].hidden !== hidden) cards[number].hidden = hidden;
    });
    for (const { box, facet, count } of boxes) {
      const text = numbers.format(counters[facet].get(box.value));
      if (count.textContent !== text) count.textContent = text;
    }
    shown.textContent = shown.dataset.text
      .replace("{found}", numbers.format(found)).replace("{all}", numbers.format(cards.length));
    none.hidden = found > 0;
    more.hidden = found <= limit;
  };

  const remember = () => {
    const state = new URLSearchParams();
    if (query.value) state.append("q", query.value);
    for (const { box } of boxes) if (box.checked) state.append(box.name, box.value);
    window.history.replaceState(null, "", `#${state}`);
  };
  const recall = () => {
    const state = new URLSearchParams(window.location.hash.slice(1));
    query.value = state.get("q") ?? "";
    for (const { box } of boxes) {
      box.checked = state.getAll(box.name).includes(box.value);
      if (box.checked) box.closest("details").open = true;
    }
  };
  const changed = () => {
    limit = STEP;
    apply();
  };

  query.addEventListener("input", changed);
  form.addEventListener("change", () => {
    changed();
    remember();
  });
  form.addEventListener("reset", () => window.setTimeout(() => {
    changed();
    remember();
  }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    remember();
    document.getElementById("results").focus();
  });
  more.addEventListener("click", () => {
    const first = cards.filter((card) => !card.hidden).length;
    limit += STEP;
    apply();
    cards.filter((card) => !card.hidden)[first]?.querySelector("a").focus();
  });
  // On a small screen the results come first, and every filter is one press away.
  if (window.matchMedia("(max-width: 48rem)").matches) {
    for (const details of form.querySelectorAll("details")) details.open = false;
  }
  recall();
  form.hidden = false;
  apply();
})();
