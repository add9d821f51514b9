// The board: fetch the fragment again when the service says that something changed, and the keys.
// Everything here is a comfort: the page works without it.
(() => {
  "use strict";
  const board = document.getElementById("board");
  const state = document.getElementById("live-state");
  const say = (text) => { if (state) state.textContent = text; };
  const rows = () => [...document.querySelectorAll("table.board tbody tr[data-id]")];
  let chosen = null;

  const choose = (row) => {
    if (!row) return;
    rows().forEach((each) => each.classList.toggle("is-chosen", each === row));
    chosen = row.dataset.id;
    const link = row.querySelector("a.open");
    if (link) link.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  const current = () => rows().find((row) => row.dataset.id === chosen);
  const step = (by) => {
    const all = rows();
    const at = all.indexOf(current());
    choose(all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))]);
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select")) return;
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "Enter" && chosen && event.target === document.body) {
      const link = current() && current().querySelector("a.open");
      if (link) link.click();
    } else if (event.key === "a") {
      const form = (current() || (board ? null : document)) && (current() || document).querySelector("form.ack");
      if (form) form.requestSubmit();
    } else return;
    event.preventDefault();
  });

  if (!board || !window.EventSource) return;

  let busy = false;
  let again = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(board.dataset.fragment, { credentials: "same-origin", redirect: "manual" });
      if (answer.status === 401) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const focused = board.contains(document.activeElement) && document.activeElement.matches("a.open");
      board.replaceChildren(...fresh.body.childNodes);
      const count = board.querySelector("[data-count]").dataset.count;
      document.title = document.title.replace(/^(\(\d+\) )?/, count === "0" ? "" : `(${count}) `);
      const row = current();
      if (row && focused) choose(row); else if (row) row.classList.add("is-chosen");
    } catch { say("The service does not answer; trying again"); }
    finally {
      busy = false;
      if (again) { again = false; refresh(); }
    }
  };

  const stream = new EventSource(board.dataset.live);
  stream.addEventListener("open", () => say("Live"));
  stream.addEventListener("change", refresh);
  stream.addEventListener("goodbye", () => { stream.close(); location.reload(); });
  stream.addEventListener("error", () => say("Not live: trying to reconnect"));
  setInterval(() => { if (!document.hidden) refresh(); }, 20000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
})();
