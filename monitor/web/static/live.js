// What is on the page follows the service: it rings (server-sent events), the fragment is fetched and swapped in place.
// When the stream is gone this says so, large, with how old what you see is; it goes on asking by itself.
(() => {
  "use strict";
  const noc = window.noc;
  const board = document.getElementById("board");
  if (!noc || !board || !window.EventSource) return;
  const state = document.getElementById("live-state");
  const stale = document.getElementById("stale");
  const APART = 1000, POLL = 20000, HAND = 1200, LONGEST = 6000;

  let stream = null, streaming = false, fetched = Date.now(), failing = false, saying = 0;
  let busy = false, again = false, timer = 0, hand = 0, last = 0;

  const say = (text, tone) => { if (state && Date.now() > saying) { state.textContent = text; state.dataset.tone = tone; } };
  noc.said = (text) => { if (state) { state.textContent = text; state.dataset.tone = "warn"; saying = Date.now() + 4000; } };
  const judge = () => {
    const old = Math.round((Date.now() - fetched) / 1000);
    const dead = failing || old > 2 * POLL / 1000 + 5;
    if (stale) {
      stale.hidden = !dead;
      if (dead) stale.textContent = `The service does not answer. What you see is ${old} s old; it is tried again all the time.`;
    }
    document.documentElement.classList.toggle("is-stale", dead);
    if (dead) say("Not live", "bad");
    else if (streaming) say("Live", "ok");
    else say("Not live: looks again every 20 s", "warn");
  };

  // A list that moves under the hand makes it press the wrong line: while the mouse is busy on it, it waits a moment.
  for (const kind of ["pointermove", "pointerdown", "wheel"]) {
    board.addEventListener(kind, () => { hand = Date.now(); }, { passive: true });
  }
  const selecting = () => { const chosen = getSelection(); return chosen && !chosen.isCollapsed && board.contains(chosen.anchorNode); };
  const still = async () => {
    const since = Date.now();
    while ((Date.now() - hand < HAND || selecting() || document.querySelector("dialog[open]")) && Date.now() - since < LONGEST) {
      say("Something changed; it waits for your hand", "warn");
      await new Promise((done) => setTimeout(done, 200));
    }
  };

  const swap = (fresh) => {
    const row = noc.mark();
    const top = row ? row.getBoundingClientRect().top : 0;
    const focused = board.contains(document.activeElement) ? document.activeElement : null;
    const again = focused && focused.closest("tr[data-id]") && (focused.dataset.key ? `[data-key="${focused.dataset.key}"]` : "a.open");
    const whose = again && focused.closest("tr[data-id]").dataset.id;
    const href = focused && !again ? focused.getAttribute("href") : null;
    board.replaceChildren(...fresh.body.childNodes);
    noc.settle();
    const now = noc.mark();
    if (now) scrollBy(0, now.getBoundingClientRect().top - top); // what you look at stays where it was
    if (whose) {
      const line = board.querySelector(`tr[data-id="${CSS.escape(whose)}"]`);
      const there = line && line.querySelector(again);
      if (there) there.focus({ preventScroll: true });
    } else if (href) {
      const there = board.querySelector(`a[href="${CSS.escape(href)}"]`);
      if (there) there.focus({ preventScroll: true });
    }
    if (noc.chosen !== null && !now) noc.said("The line you had is not in the list any more");
    document.dispatchEvent(new CustomEvent("noc:swapped"));
  };

  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    last = Date.now();
    try {
      const answer = await fetch(board.dataset.fragment, { credentials: "same-origin", redirect: "manual" });
      if (answer.status === 401 || answer.status === 403) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      const asked = Date.now();
      await still();
      if (Date.now() - asked > APART) { again = true; } // it is old by now: show it, and ask once more
      swap(new DOMParser().parseFromString(text, "text/html"));
      fetched = asked;
      failing = false;
    } catch { failing = true; }
    finally {
      busy = false;
      judge();
      if (again) { again = false; soon(); }
    }
  };
  const soon = () => { // a storm rings often: at most one a second, the last ring is never lost
    if (timer) return;
    timer = setTimeout(() => { timer = 0; refresh(); }, Math.max(0, last + APART - Date.now()));
  };
  noc.refresh = soon;

  const listen = () => {
    stream = new EventSource(board.dataset.live);
    stream.addEventListener("open", () => { if (!streaming) { streaming = true; if (failing) soon(); } judge(); });
    stream.addEventListener("change", soon);
    stream.addEventListener("goodbye", () => { stream.close(); location.reload(); });
    stream.addEventListener("error", () => {
      streaming = false;
      if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 5000); // refused: browsers give up, we do not
      soon();
      judge();
    });
  };
  listen();
  setInterval(() => { if (Date.now() - last >= POLL - 500) refresh(); }, POLL);
  setInterval(judge, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
  window.addEventListener("pagehide", () => { if (stream) stream.close(); });
  window.addEventListener("pageshow", (event) => { if (event.persisted) { listen(); soon(); } });
})();
