// What is typed into a form outlives a lost session and a wrong turn: kept in this tab alone, forgotten when it is sent.
(() => {
  "use strict";
  const store = { get: (k) => { try { return sessionStorage.getItem(k); } catch { return null; } },
                  set: (k, v) => { try { sessionStorage.setItem(k, v); } catch { /* private */ } },
                  drop: (k) => { try { sessionStorage.removeItem(k); } catch { /* private */ } } };
  const kept = (form) => `draft ${form.dataset.draft}`;
  const fields = (form) => [...form.elements].filter((e) => e.name && !["hidden", "file", "password", "submit"].includes(e.type) && e.tagName !== "BUTTON");
  if (document.body.dataset.sent) for (const name of document.body.dataset.sent.split(" ")) store.drop(`draft ${name}`);
  for (const form of document.querySelectorAll("form[data-draft]")) {
    const note = form.querySelector("[data-draft-note]");
    let draft = {};
    try { draft = JSON.parse(store.get(kept(form)) || "{}"); } catch { draft = {}; }
    let back = false;
    if (!form.dataset.typed) for (const field of fields(form)) {
      if (field.type === "checkbox" || draft[field.name] === undefined || field.value || field.dataset.filled) continue;
      field.value = draft[field.name];
      back = back || Boolean(field.value);
    }
    if (back && note) note.hidden = false;
    form.addEventListener("input", () => {
      const now = {};
      for (const field of fields(form)) if (field.type !== "checkbox" && field.value) now[field.name] = field.value;
      store.set(kept(form), JSON.stringify(now));
    });
    const drop = note && note.querySelector("button");
    if (drop) drop.addEventListener("click", () => { store.drop(kept(form)); form.reset(); note.hidden = true; });
  }
})();
