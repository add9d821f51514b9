// Nothing on the page needs this. It shows times in the visitor's own zone when asked, and says so when a copy is old.
"use strict";
(() => {
  const root = document.documentElement;
  const body = document.body;

  // A copy that a proxy or another web server keeps while we are away must not go on saying that all is well.
  const looked = Date.parse(body.dataset.looked || "");
  const old = document.getElementById("old");
  const age = () => {
    const late = looked && Date.now() - looked > Number(body.dataset.stale) * 1000 + 60000;
    root.classList.toggle("is-old", Boolean(late));
    if (old) old.hidden = !late;
  };
  age();
  setInterval(age, 30000);

  const button = document.querySelector(".zone");
  const theirs = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!button || !theirs || theirs === button.dataset.zone) return;
  const stamps = [...document.querySelectorAll("time[datetime]")].map((each) => [each, each.textContent]);
  const day = new Intl.DateTimeFormat("sv", { timeZone: theirs, dateStyle: "short" });
  const written = (at) => {
    const form = { timeZone: theirs, hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
    if (day.format(at) !== day.format(new Date())) Object.assign(form, { day: "numeric", month: "short", year: "numeric" });
    return new Intl.DateTimeFormat(root.lang === "en" ? "en-GB" : root.lang, form).format(at);
  };
  const show = (own) => {
    for (const [each, ours] of stamps) each.textContent = own ? written(new Date(each.dateTime)) : ours;
    button.textContent = own ? button.dataset.ours : button.dataset.theirs.replace("$", theirs);
    button.setAttribute("aria-pressed", String(own));
  };
  let own = false;
  try { own = localStorage.getItem("zone") === "own"; } catch { /* no storage: it is asked anew on each page */ }
  show(own);
  button.hidden = false;
  button.addEventListener("click", () => {
    own = !own;
    show(own);
    try { localStorage.setItem("zone", own ? "own" : "page"); } catch { /* as above */ }
  });
})();
