// A new Critical is heard and seen, on every page: a sound (if you asked for it, remembered), the title,
// the tab's bell, and a word for readers.
(() => {
  "use strict";
  const noc = window.noc;
  const board = document.getElementById("board") || document.body;
  if (!noc || !document.querySelector("[data-urgent]")) return;
  const button = document.getElementById("sound");
  const news = document.getElementById("news");
  const icon = document.querySelector("link[rel=icon]");
  const calm = icon && icon.href;
  const bare = document.title.replace(/^\(\d+\) /, "");
  const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private */ } };
  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const head = () => board.querySelector("[data-urgent]");
  const asked = () => !head() || head().dataset.urgent !== "?"; // elsewhere than on the queue herald.js asks first
  const urgent = () => (head() && asked() ? head().dataset.urgent.split(" ").filter(Boolean) : []);

  // Sound: three rising tones, made here; browsers let a page sound only after somebody pressed something on it.
  let sounding = stored("noc sound") === "on", audio = null;
  const wake = () => {
    if (!sounding || !window.AudioContext) return;
    audio = audio || new AudioContext();
    if (audio.state === "suspended") audio.resume().then(show, () => {});
  };
  const show = () => {
    if (!button) return;
    button.hidden = !window.AudioContext;
    button.setAttribute("aria-pressed", String(sounding));
    const mute = sounding && (!audio || audio.state !== "running");
    button.textContent = !sounding ? "Sound: off" : mute ? "Sound: on, press once" : "Sound: on";
    button.dataset.mute = String(mute);
  };
  const ring = () => {
    if (!sounding || !audio || audio.state !== "running") return;
    [0, 0.18, 0.36, 1.2, 1.38, 1.56].forEach((at, n) => {
      const tone = audio.createOscillator(), loud = audio.createGain(), when = audio.currentTime + at;
      tone.type = "triangle";
      tone.frequency.value = [660, 880, 1175][n % 3];
      loud.gain.setValueAtTime(0.0001, when);
      loud.gain.exponentialRampToValueAtTime(0.35, when + 0.02);
      loud.gain.exponentialRampToValueAtTime(0.0001, when + 0.16);
      tone.connect(loud).connect(audio.destination);
      tone.start(when);
      tone.stop(when + 0.18);
    });
    document.documentElement.dataset.rang = String(Number(document.documentElement.dataset.rang || 0) + 1);
  };
  const toggle = () => {
    const mute = sounding && (!audio || audio.state !== "running");
    sounding = mute ? true : !sounding;
    store("noc sound", sounding ? "on" : "off");
    wake();
    if (sounding && audio && audio.state === "running") ring();
    show();
  };
  if (button) button.addEventListener("click", toggle);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "s" || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, textarea, select") || document.querySelector("dialog[open]")) return;
    toggle();
  });
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, wake, { passive: true });

  // New: what was not there when this tab last looked, also while it was on another page.
  const recall = () => { try { return JSON.parse(sessionStorage.getItem("noc urgent")); } catch { return null; } };
  const keep = (ids) => { try { sessionStorage.setItem("noc urgent", JSON.stringify(ids.slice(-500))); } catch { /* private */ } };
  let seen = recall() ? new Set(recall()) : asked() ? new Set(urgent()) : null;
  let unseen = 0;
  const title = () => {
    const count = (head() && head().dataset.count) || "0";
    const words = unseen ? `❗ ${unseen} new Critical · ` : "";
    document.title = `${words}${count === "0" ? "" : `(${count}) `}${bare}`;
    if (icon && icon.dataset.new) icon.href = unseen ? icon.dataset.new : calm;
  };
  const named = () => { try { return JSON.parse(head().dataset.titles || "{}"); } catch { return {}; } };
  const look = () => {
    if (!asked()) return;
    const now = urgent();
    if (seen === null) seen = new Set(now);
    const fresh = now.filter((id) => !seen.has(id));
    seen = new Set(now); // one that comes back, for nobody was still on it, is new again
    keep(now);
    if (fresh.length) {
      const rows = fresh.map((id) => board.querySelector(`tr[data-id="${CSS.escape(id)}"]`)).filter(Boolean);
      rows.forEach((row) => row.classList.add("is-new"));
      const first = rows[0] && rows[0].querySelector("a.open");
      if (news) news.textContent = `${fresh.length} new Critical${first ? `: ${first.textContent}` : named()[fresh[0]] ? `: ${named()[fresh[0]]}` : ""}`;
      if (news && news.dataset.link) { // somewhere else than the queue: it is shown, and leads there
        const link = document.createElement("a");
        link.href = news.dataset.link;
        link.textContent = "to the queue";
        news.append(". ", link);
        news.hidden = false;
      }
      unseen += fresh.length;
      ring();
    }
    title();
  };
  const saw = () => { if (unseen && !document.hidden && document.hasFocus()) { unseen = 0; title(); } };
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, saw, { passive: true });
  document.addEventListener("noc:swapped", look);
  if (sounding) wake();
  show();
  look();
})();
