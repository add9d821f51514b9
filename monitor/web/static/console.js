// Comforts of every page of the console: keys, the list of keys, questions asked in a dialog, clocks that tick.
// Each act is a link or a form of the page itself: a key presses it. Without this file every page works.
(() => {
  "use strict";
  const noc = (window.noc = { chosen: null, said: () => {}, clock: 0 });

  // Lines ----------------------------------------------------------------------------------------------------
  // What is chosen is an incident, not a place in the list: when the list moves, the choice moves with it.
  const rows = () => [...document.querySelectorAll("table.board tbody tr[data-id]")];
  const rowOf = (id) => (id === null ? undefined : rows().find((row) => row.dataset.id === id));
  const kept = `chosen ${location.pathname}`;
  let place = 0;

  noc.mark = () => {
    const all = rows();
    const row = rowOf(noc.chosen);
    if (row) place = all.indexOf(row);
    all.forEach((each) => {
      each.classList.toggle("is-chosen", each === row);
      if (each === row) each.setAttribute("aria-current", "true"); else each.removeAttribute("aria-current");
    });
    return row;
  };
  const choose = (row) => {
    noc.chosen = row ? row.dataset.id : null;
    try { if (row) sessionStorage.setItem(kept, noc.chosen); else sessionStorage.removeItem(kept); } catch { /* private */ }
    noc.mark();
    if (!row) return;
    const link = row.querySelector("a.open");
    if (link) link.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(rowOf(noc.chosen));
    const to = at >= 0 ? at + by : noc.chosen === null ? 0 : Math.min(place, all.length - 1);
    choose(all[Math.min(all.length - 1, Math.max(0, to))]);
  };
  try { noc.chosen = sessionStorage.getItem(kept); } catch { /* private */ }
  if (!noc.mark()) noc.chosen = null;

  // Keys -----------------------------------------------------------------------------------------------------
  let leaving = false;
  window.addEventListener("pageshow", () => { leaving = false; });
  document.addEventListener("submit", (event) => { if (event.target.method !== "dialog") leaving = true; });
  const act = (key) => {
    const list = rows().length > 0;
    const row = rowOf(noc.chosen);
    const whole = noc.chosen === null && document.querySelector(`[data-key-whole="${key}"]`); // the page's own, while no line is chosen
    if (whole) { if (whole.matches("textarea, input")) whole.focus(); else whole.click(); return; }
    if (list && !row) {
      noc.said(noc.chosen === null ? "Choose a line first: j, k" : "The line you had is not here any more: nothing was done");
      return;
    }
    const within = row || document;
    const what = within.querySelector(`[data-key="${key}"]`) || (key === "a" && within.querySelector("form.ack button"));
    if (!what) { noc.said("That cannot be done with this one now"); return; }
    if (what.matches("textarea, input")) what.focus(); else what.click();
  };
  const dialog = () => document.querySelector("dialog[open]");
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && !"jk".includes(event.key)) return;
    if (dialog() || leaving) return;
    if (typing(event.target)) { if (event.key === "Escape") event.target.blur(); return; }
    const page = document.querySelector(`[data-key-page="${CSS.escape(event.key)}"]`);
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "Enter" && noc.chosen && event.target === document.body) {
      const link = rowOf(noc.chosen) && rowOf(noc.chosen).querySelector("a.open");
      if (link) link.click();
    } else if (event.key === "Escape") choose(null);
    else if (event.key === "?") { const keys = document.getElementById("keys"); if (keys) keys.showModal(); }
    else if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search) { search.focus(); search.select(); } else location.href = "/noc/";
    } else if (page) page.click();
    else if (event.key === "x" && rowOf(noc.chosen)) {
      const box = rowOf(noc.chosen).querySelector("input[type=checkbox]");
      if (box) box.click();
    } else if (event.key === "w" && location.pathname !== "/noc/wall") location.href = "/noc/wall";
    else if (event.key === "q") location.href = "/noc/";
    else if ("aectrn".includes(event.key) && event.key.length === 1) act(event.key);
    else return;
    event.preventDefault();
  });

  // Questions: what leaves the house is asked once more, on a page of its own or here in a dialog ------------------
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    try {
      const back = encodeURIComponent(location.pathname + location.search);
      const answer = await fetch(`${link.getAttribute("href")}?back=${back}`, { credentials: "same-origin", redirect: "error" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const asked = fresh.querySelector("[data-ask]");
      if (!asked) throw new Error("nothing is asked");
      const box = document.createElement("dialog");
      box.className = "dialog";
      box.setAttribute("aria-labelledby", "ask-title");
      box.append(asked);
      box.addEventListener("close", () => { box.remove(); noc.mark(); });
      box.addEventListener("click", (pressed) => {
        if (pressed.target === box || pressed.target.closest("[data-close]")) { pressed.preventDefault(); box.close(); }
      });
      document.body.append(box);
      box.showModal();
      const first = box.querySelector("[autofocus], button");
      if (first) first.focus();
    } catch { location.href = link.href; }
  });
  document.addEventListener("click", (event) => {
    const menu = document.querySelector("details.menu[open]");
    if (menu && !event.target.closest("details.menu")) menu.open = false;
  });

  // Clocks that tick: by the service's time, which is not this machine's ------------------------------------------
  const span = (ms) => {
    let seconds = Math.floor(Math.abs(ms) / 1000);
    const said = [];
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      const count = Math.floor(seconds / size);
      seconds -= count * size;
      if (count) said.push(`${count} ${unit}`);
    }
    return said.slice(0, 2).join(" ") || `${seconds} s`;
  };
  const tick = () => {
    const now = Date.now() + noc.clock;
    for (const time of document.querySelectorAll("time[data-due]")) {
      const left = new Date(time.dataset.due) - now;
      const text = left > 0 ? `${span(left)} left` : `${span(left)} late`;
      if (time.textContent !== text) time.textContent = text;
      const box = time.parentElement;
      if (left <= 0 && box.className.includes("owes-in") && !box.classList.contains("is-bad")) {
        box.className = "owes-in is-bad";
        const mark = box.querySelector(".mark");
        if (mark) mark.className = "mark is-bad";
      }
    }
    const clock = document.querySelector("time[data-clock]");
    if (clock) clock.textContent = new Date(now).toISOString().slice(11, 16);
  };
  noc.settle = () => {
    const told = document.querySelector("[data-now]");
    if (told) noc.clock = new Date(told.dataset.now) - Date.now();
    tick();
  };
  noc.settle();
  setInterval(tick, 1000);
})();
