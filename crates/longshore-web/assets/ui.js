// Enhances pages that work without it. Nothing here knows what a page is about.
"use strict";
const policy = globalThis.trustedTypes?.createPolicy("longshore", { createHTML: (text) => text }) ?? { createHTML: (text) => text };
const say = (text) => { document.getElementById("said").textContent = text; };
// The request under way for some regions; a newer one for the same regions takes its place.
const asked = new Map();
// Until what is typed is sent.
let wait = 0;
// The address whose page is shown.
let shown = location.pathname + location.search;

// Fetches the page that a link or form leads to, and exchanges the regions that `data-swap` names (ids) for those of the new page.
async function swap(url, ids, push = true) {
  const key = ids.join(" ");
  asked.get(key)?.abort();
  const mine = new AbortController();
  asked.set(key, mine);
  const regions = ids.map((id) => document.getElementById(id));
  for (const region of regions) region?.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => say("Still looking …"), 3000);
  try {
    const response = await fetch(url, { signal: mine.signal, headers: { accept: "text/html" } });
    const kind = response.headers.get("content-type") ?? "";
    // Signed out, moved elsewhere, or no page: let the browser show it.
    if (!response.ok || !kind.startsWith("text/html") || response.redirected) return location.assign(response.url);
    const page = new DOMParser().parseFromString(policy.createHTML(await response.text()), "text/html");
    if (ids.some((id) => !page.getElementById(id))) return location.assign(response.url);
    const focused = document.activeElement?.id;
    for (const id of ids) document.getElementById(id).replaceWith(document.adoptNode(page.getElementById(id)));
    document.title = page.title;
    if (push) history.pushState({ ids }, "", response.url);
    else history.replaceState({ ids }, "", response.url);
    shown = location.pathname + location.search;
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    say(document.getElementById(ids[0])?.dataset.said ?? page.title);
    ready(document);
  } catch (error) {
    if (error.name !== "AbortError") {
      for (const region of regions) region?.removeAttribute("aria-busy");
      say("The registry cannot be reached. Try again.");
    }
  } finally { clearTimeout(slow); }
}

const idsOf = (element) => element?.closest("[data-swap]")?.dataset.swap.split(" ");
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const ids = idsOf(link);
  if (ids && event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) && link.origin === location.origin) {
    event.preventDefault();
    clearTimeout(wait);
    swap(link.href, ids);
  }
  const copy = event.target.closest?.("[data-copy]");
  if (copy) {
    const source = document.getElementById(copy.dataset.copy);
    const select = () => { getSelection().selectAllChildren(source); say("Copying is not allowed here; the text is selected"); };
    if (navigator.clipboard) navigator.clipboard.writeText(source.textContent).then(() => say("Copied"), select);
    else select();
  }
  for (const open of document.querySelectorAll("details.menu[open]")) if (!open.contains(event.target)) open.open = false;
});
const typed = (form) => new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== "")).toString();
function send(form, push) {
  const url = new URL(form.action);
  url.search = form.dataset.asked = typed(form);
  swap(url, idsOf(form), push);
}
addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "get" && event.submitter?.formMethod !== "post" && idsOf(form)) {
    event.preventDefault();
    send(form, true);
  } else if (form.dataset.sent) event.preventDefault();
  else if (form.method === "post" || event.submitter?.formMethod === "post") form.dataset.sent = "1";
});
// "Back" shows a page that was kept as it was, with its form sent.
addEventListener("pageshow", () => { for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent; });
function live(event) {
  const form = event.target.form;
  if (!form?.matches("[data-live]")) return;
  clearTimeout(wait);
  // What is chosen is told twice, the second time perhaps when the focus goes.
  if (typed(form) !== form.dataset.asked) wait = setTimeout(() => send(form, false), 150);
}
addEventListener("input", live);
addEventListener("change", (event) => { if (event.target.matches?.("select")) live(event); });

// Selection: the box in the head of a table, ranges with Shift, and the number of what is selected.
let last = null;
addEventListener("click", (event) => {
  const box = event.target;
  if (!box.matches?.("input[type=checkbox][data-row]")) return;
  const boxes = [...document.querySelectorAll(`input[data-row="${box.dataset.row}"]`)];
  if (event.shiftKey && last && boxes.includes(last)) {
    const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((one, other) => one - other);
    for (const one of boxes.slice(from, to + 1)) one.checked = box.checked;
  }
  last = box;
  count(box.dataset.row);
});
addEventListener("change", (event) => {
  const box = event.target;
  if (box.matches("[data-all]")) {
    for (const one of document.querySelectorAll(`input[data-row="${box.dataset.all}"]`)) one.checked = box.checked;
    count(box.dataset.all);
  }
});
function count(name) {
  const boxes = [...document.querySelectorAll(`input[data-row="${name}"]`)];
  const number = boxes.filter((one) => one.checked).length;
  for (const all of document.querySelectorAll(`[data-all="${name}"]`)) {
    all.checked = number > 0 && number === boxes.length;
    all.indeterminate = number > 0 && number < boxes.length;
  }
  for (const output of document.querySelectorAll(`output[data-selected="${name}"]`)) output.value = number;
}

// A link to a place of the same page is no other page.
addEventListener("popstate", (event) => {
  for (const form of document.querySelectorAll("[data-asked]")) delete form.dataset.asked;
  if (event.state?.ids) swap(location.href, event.state.ids, false);
  else if (shown !== location.pathname + location.search) location.reload();
});

// Single keys, unless they are switched off.
const rows = () => [...document.querySelectorAll("tbody tr")].filter((row) => row.querySelector("a[href]"));
let before = "";
addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const open of document.querySelectorAll("details.menu[open]")) { open.open = false; open.querySelector("summary").focus(); }
  if (document.documentElement.dataset.keys === "off" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
  const after = before;
  before = event.key;
  const place = after === "g" && document.querySelector(`[data-key="g ${event.key}"]`);
  if (place) return place.click();
  const here = document.activeElement?.closest("tbody tr");
  const all = rows();
  const go = (row) => row?.querySelector("a[href]")?.focus();
  const act = {
    "/": () => document.getElementById("q")?.focus(),
    "?": () => document.getElementById("keys")?.click(),
    j: () => go(all[all.indexOf(here) + 1] ?? all[0]),
    k: () => go(all[all.indexOf(here) - 1] ?? all.at(-1)),
    x: () => here?.querySelector("input[type=checkbox]")?.click(),
    c: () => here?.querySelector("[data-copy]")?.click(),
  }[event.key];
  if (act) { event.preventDefault(); act(); }
});

function ready(root) {
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  for (const time of root.querySelectorAll("time[datetime]:not([data-zone])")) { time.title = zone.format(new Date(time.dateTime)); time.dataset.zone = ""; }
  // What stands behind the # of a link is no part of what the server is asked for; it goes into a field, and out of sight.
  for (const field of root.querySelectorAll("input[data-fragment]")) if (location.hash.length > 1) { field.value = location.hash.slice(1); history.replaceState(null, "", location.pathname + location.search); if (field.dataset.fragment === "send") field.form.requestSubmit(); }
  for (const region of root.querySelectorAll("[data-again]")) setTimeout(() => region.isConnected && swap(location.href, [region.id], false), Number(region.dataset.again));
  for (const region of root.querySelectorAll("[data-events]:not([data-open])")) {
    region.dataset.open = "1";
    const source = new EventSource(region.dataset.events);
    source.addEventListener("page", () => { if (!region.contains(document.activeElement)) swap(location.href, [region.id], false); });
    source.addEventListener("end", () => { source.close(); swap(location.href, [region.id], false); });
    addEventListener("pagehide", () => source.close(), { once: true });
  }
}
ready(document);
