// Asks the browser for a passkey and sends its answer as a form; without it forms stay as they are.
"use strict";

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const makes = form.dataset.passkey === "create";
  const parse = window.PublicKeyCredential &&
    PublicKeyCredential[makes ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON"];
  if (!parse) continue;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    const answer = form.elements.credential;
    if (answer.value) return;
    event.preventDefault();
    try {
      const publicKey = parse.call(PublicKeyCredential, JSON.parse(form.dataset.options));
      const credential = await navigator.credentials[makes ? "create" : "get"]({ publicKey });
      answer.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch {
      form.querySelector("[role=alert]").textContent = form.dataset.failed;
    }
  });
}
