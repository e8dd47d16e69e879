// Find in policy: as you type, hides the clauses that do not hold every word. Without it the form
// leads to a page of those clauses; on pages in a folder, which no server answers, it is all there is.
(() => {
  const place = document.getElementById("_find");
  if (!place) return;
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
  const texts = clauses.map((each) => each.textContent.toLowerCase());
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    clauses.forEach((each, at) => {
      each.hidden = !words.every((word) => texts[at].includes(word));
      found += each.hidden ? 0 : 1;
    });
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
