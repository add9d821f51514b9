// An incident's page follows the service: parts that changed are swapped, but never one that somebody is writing in.
(() => {
  "use strict";
  const noc = window.noc;
  const state = document.getElementById("live-state");
  if (!noc || !state || !window.EventSource) return;
  const APART = 1500;
  let stream = null, timer = 0, last = 0, busy = false, again = false, hold = 0, asked = Date.now(), failing = false;

  const say = (text, tone) => { if (Date.now() > hold) { state.textContent = text; state.dataset.tone = tone; } };
  noc.said = (text) => { state.textContent = text; state.dataset.tone = "warn"; hold = Date.now() + 4000; };
  // A line or a link that has the focus is no writing: the part is swapped, and the focus goes to the same one again.
  const again_at = (part) => {
    const focus = part.contains(document.activeElement) ? document.activeElement : null;
    if (!focus || focus.matches("input, textarea, select")) return null;
    const row = focus.closest("tr[data-id]"), href = focus.getAttribute("href");
    if (row) return `tr[data-id="${CSS.escape(row.dataset.id)}"] ${focus.dataset.key ? `[data-key="${focus.dataset.key}"]` : "a.open"}`;
    return href ? `a[href="${CSS.escape(href)}"]` : null;
  };
  const written = (part) => part.contains(document.activeElement) && !again_at(part)
    || [...part.querySelectorAll("textarea, input:not([type=hidden]), select")].some((field) =>
      field.type === "checkbox" ? field.checked !== field.defaultChecked
        : field.tagName === "SELECT" ? [...field.options].some((one) => one.selected !== one.defaultSelected) : field.value !== field.defaultValue);

  const refresh = async () => {
    if (busy || document.querySelector("dialog[open]")) { again = true; return; }
    busy = true;
    last = Date.now();
    try {
      const answer = await fetch(state.dataset.path || location.pathname + location.search, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      let kept = 0;
      for (const part of fresh.querySelectorAll("[data-swap][id]")) {
        const here = document.getElementById(part.id);
        if (!here) { kept += 1; continue; }
        if (here.innerHTML === part.innerHTML && here.className === part.className) continue;
        if (written(here)) { kept += 1; continue; }
        const open = [...here.querySelectorAll("details")].map((one) => one.open);
        const focus = again_at(here);
        here.replaceWith(document.adoptNode(part));
        const now = [...part.querySelectorAll("details")];
        if (now.length === open.length) now.forEach((one, n) => { one.open = open[n]; });
        const there = focus && part.querySelector(focus);
        if (there) there.focus({ preventScroll: true });
      }
      const told = fresh.getElementById("live-state");
      if (told) for (const name of ["now", "urgent"]) if (name in told.dataset) state.dataset[name] = told.dataset[name];
      noc.mark();
      noc.settle();
      document.dispatchEvent(new CustomEvent("noc:swapped"));
      asked = Date.now();
      failing = false;
      say(kept ? "Live; something changed where you write: it shows when you are done" : "Live", kept ? "warn" : "ok");
    } catch { failing = true; }
    finally { busy = false; if (again) { again = false; soon(); } }
  };
  const soon = () => {
    if (timer) return;
    timer = setTimeout(() => { timer = 0; refresh(); }, Math.max(0, last + APART - Date.now()));
  };
  const listen = () => {
    if (stream || document.hidden) return; // a browser gives a service six connections: a tab in the background takes none
    stream = new EventSource(state.dataset.live);
    stream.addEventListener("open", () => { say("Live", "ok"); if (failing) soon(); });
    stream.addEventListener("change", soon);
    stream.addEventListener("goodbye", () => location.reload());
    stream.addEventListener("error", () => {
      failing = true;
      say(`Not live: what you see is from ${new Date(asked + noc.clock).toISOString().slice(11, 19)} UTC`, "bad");
      if (stream && stream.readyState === EventSource.CLOSED) { stream = null; setTimeout(listen, 5000); }
    });
  };
  const hush = () => { if (stream) { stream.close(); stream = null; } };
  document.addEventListener("visibilitychange", () => { if (document.hidden) hush(); else { listen(); soon(); } });
  window.addEventListener("pagehide", hush);
  listen();
})();
