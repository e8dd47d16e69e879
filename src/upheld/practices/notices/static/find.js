// Find in policy: as you type, shows the clauses that hold every word, in one of the forms that the
// page lists for it, marks it and opens the rules in which it stands. Without it the form leads to a
// page of those clauses; on pages in a folder, which no server answers, it is all there is.
(() => {
  const place = document.getElementById("_find");
  if (!place) return;
  const also = JSON.parse(place.dataset.also || "{}");
  const clauses = [...document.querySelectorAll("article .clause")];
  const input = place.querySelector("input") || document.createElement("input");
  const count = document.createElement("p");
  count.setAttribute("role", "status");
  if (!input.isConnected) {
    const label = document.createElement("label");
    label.textContent = "Find in policy";
    input.type = "search";
    label.append(input);
    place.append(label);
  }
  place.append(count);
  place.querySelector("form")?.addEventListener("submit", (event) => event.preventDefault());
  place.querySelector("button")?.remove();
  // Examples tell of other clauses too: what one says is its prose and its rules.
  const texts = clauses.map((each) =>
    [...each.querySelectorAll(".prose, .means > p")].map((part) => part.textContent).join(" ").toLowerCase());
  const first = [...document.querySelectorAll("details.means")].map((each) => [each, each.open]);
  // What stands between clauses goes with the clause that follows or, for headings, their section.
  const article = document.querySelector("article");
  const between = [...article.children].filter((each) => !each.classList.contains("clause"));

  const formsOf = (word) => (Object.hasOwn(also, word) ? also[word] : [word]);
  const mark = (forms) => {
    if (!globalThis.CSS?.highlights) return;
    CSS.highlights.delete("find");
    if (!forms.length) return;
    const ranges = [];
    const walk = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const text = node.data.toLowerCase();
      for (const form of forms) {
        for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + form.length)) {
          const range = new Range();
          range.setStart(node, at - text.slice(0, at).match(/[\w-]*$/)[0].length);
          range.setEnd(node, at + form.length + text.slice(at + form.length).match(/^\w*/)[0].length);
          ranges.push(range);
        }
      }
    }
    CSS.highlights.set("find", new Highlight(...ranges));
  };

  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean).map(formsOf);
    let found = 0;
    clauses.forEach((each, at) => {
      each.hidden = !words.every((forms) => forms.some((form) => texts[at].includes(form)));
      found += each.hidden ? 0 : 1;
    });
    let section = [];
    const close = () => {
      const blank = words.length && !section.some((each) => each.matches(".clause:not([hidden])"));
      for (const each of section) {
        if (!each.matches(".clause")) each.hidden = words.length > 0 && (blank || !each.matches("h2,h3,h4,h5,h6"));
      }
      section = [];
    };
    for (const each of article.children) {
      if (each.matches("h2,h3,h4,h5,h6")) close();
      section.push(each);
    }
    close();
    if (!words.length) for (const each of between) each.hidden = false;
    for (const [each, open] of first) {
      const text = [...each.querySelectorAll(":scope > p")].map((part) => part.textContent).join(" ").toLowerCase();
      each.open = words.length ? words.flat().some((form) => text.includes(form)) : open;
    }
    mark(words.flat());
    count.textContent = words.length ? `${found} of ${clauses.length} clauses` : "";
  });
  // A link into the policy must find its clause, whatever is being looked for.
  window.addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !target.hidden) return;
    input.value = "";
    input.dispatchEvent(new Event("input"));
    target.scrollIntoView();
  });
})();
