/**
 * The one script: asks for the page again and puts what is live in it in place of what is there, so that nobody loses
 * the place where they read, what they unfolded, or the focus. Without it the page is loaded again (meta refresh).
 */
export const script = `"use strict";
const seconds = Number(document.body.dataset.refresh);
const said = document.getElementById("renewal");
const words = said?.textContent;
const renew = async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { redirect: "error", signal: AbortSignal.timeout(15000) });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-live]")) {
      const made = page.querySelector('[data-live="' + old.dataset.live + '"]');
      if (made === null || old.contains(document.activeElement)) continue;
      const unfolded = old.querySelectorAll("details");
      made.querySelectorAll("details").forEach((one, i) => { one.open = unfolded[i]?.open === true; });
      old.replaceWith(document.adoptNode(made));
    }
    if (said) said.textContent = words;
  } catch {
    if (said) said.textContent = "not renewed: the relay does not answer, or the login is over";
  }
};
if (seconds > 0) setInterval(renew, seconds * 1000);
`;
