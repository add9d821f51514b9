// On pages that do not show the queue: is there a new Critical? Asked every 15 s (a stream for each open tab would use up the
// browser's connections); queue.js sounds, and says so in the title, the tab's bell and a line that leads to the queue.
(() => {
  "use strict";
  const herald = document.getElementById("herald");
  if (!herald) return;
  const EVERY = 15000;
  let timer = 0;
  const ask = async () => {
    try {
      const answer = await fetch(herald.dataset.asks, { credentials: "same-origin", redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) { clearInterval(timer); return; }
      if (answer.ok) {
        const said = await answer.json();
        herald.dataset.urgent = said.untaken.map((each) => each.id).join(" ");
        herald.dataset.titles = JSON.stringify(Object.fromEntries(said.untaken.map((each) => [each.id, each.title])));
        document.dispatchEvent(new CustomEvent("noc:swapped"));
      }
    } catch { /* it is asked again */ }
  };
  timer = setInterval(ask, EVERY);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  ask();
})();
