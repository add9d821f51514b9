// A form's preview follows what is typed: the form is sent to data-preview, and the answer shown in data-into.
// Without this file the form's own button shows the same.
(() => {
  "use strict";
  const APART = 350;
  for (const form of document.querySelectorAll("form[data-preview]")) {
    const into = document.getElementById(form.dataset.into);
    const said = document.getElementById(form.dataset.said);
    if (!into) continue;
    let timer = 0, asked = 0, sent = "";
    const say = (text) => { if (said && said.textContent !== text) said.textContent = text; };
    const ask = async () => {
      const mine = (asked += 1);
      const body = new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === "string"));
      if (sent === body.toString()) return;
      sent = body.toString();
      into.setAttribute("aria-busy", "true");
      try {
        const answer = await fetch(form.dataset.preview, { method: "POST", body, credentials: "same-origin", redirect: "error" });
        if (!answer.ok) throw new Error(String(answer.status));
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (mine !== asked) return;
        const open = [...into.querySelectorAll("details")].map((one) => one.open);
        into.replaceChildren(...fresh.body.children);
        into.querySelectorAll("details").forEach((one, n) => { one.open = Boolean(open[n]); });
        const word = into.querySelector("[data-said]");
        say(word ? word.dataset.said : "");
      } catch {
        if (mine !== asked) return;
        sent = "";
        say("The preview cannot be asked for now: press Preview, or log in again");
      } finally { if (mine === asked) into.removeAttribute("aria-busy"); }
    };
    const soon = () => { clearTimeout(timer); timer = setTimeout(ask, APART); };
    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
    if (!("later" in form.dataset)) ask();
  }
})();
