// What makes the pages nicer to use. Every action works without it.
"use strict";

const Moon = (() => {
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

  function ago(at) {
    const seconds = (Date.now() - at) / 1000;
    if (Math.abs(seconds) < 10) return "just now";
    const [size, unit] = units.find(([number]) => Math.abs(seconds) >= number);
    const said = `${Math.floor(Math.abs(seconds) / size)} ${unit}`;
    return seconds > 0 ? `${said} ago` : `in ${said}`;
  }

  function showTimes(root) {
    for (const time of root.querySelectorAll("time[data-relative]")) time.textContent = ago(Date.parse(time.dateTime));
  }

  function showCopyButtons(root) {
    if (!navigator.clipboard) return;
    for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
  }

  function announce(text) {
    document.getElementById("announcer").textContent = text;
  }

  async function copy(button) {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("done");
    announce("Copied");
    setTimeout(() => button.classList.remove("done"), 1500);
  }

  // --- the page as it is now, without losing what the reader is at ---

  const isBusy = (part) => {
    const focused = document.activeElement;
    const selection = getSelection();
    if (!selection.isCollapsed && part.contains(selection.anchorNode)) return true;
    const typing = part.contains(focused) && focused.matches("input, textarea, select");
    return typing || [...part.querySelectorAll("textarea, input[type=text]")].some((field) => field.value !== field.defaultValue);
  };

  const keyOf = (element) => element.id || (element.getAttribute("href") || "").split("?")[0] || element.textContent.trim();

  function keepOpen(old, fresh) {
    const opened = new Set([...old.querySelectorAll("details[open]")].map((one) => keyOf(one.querySelector("summary"))));
    for (const one of fresh.querySelectorAll("details")) if (opened.has(keyOf(one.querySelector("summary")))) one.open = true;
  }

  function replacePart(old, fresh) {
    if (old.dataset.said !== fresh.dataset.said) announce(fresh.dataset.said || "");
    showTimes(fresh);
    showCopyButtons(fresh);
    if (old.outerHTML === fresh.outerHTML) return;
    if (isBusy(old)) return;
    const focused = old.contains(document.activeElement) && old !== document.activeElement ? keyOf(document.activeElement) : null;
    const hadFocus = old === document.activeElement;
    keepOpen(old, fresh);
    old.replaceChildren(...fresh.childNodes);
    for (const { name, value } of fresh.attributes) old.setAttribute(name, value);
    if (hadFocus) old.focus({ preventScroll: true });
    if (focused === null) return;
    const again = [...old.querySelectorAll("a, button, summary, [tabindex]")].find((one) => keyOf(one) === focused);
    if (again) again.focus({ preventScroll: true });
  }

  function addNewChildren(list, fresh) {
    let before = null;
    for (const child of fresh.children) {
      const there = document.getElementById(child.id);
      if (!there) list.insertBefore(document.importNode(child, true), before ? before.nextSibling : list.firstChild);
      before = document.getElementById(child.id);
    }
  }

  let running = false;
  let again = false;

  async function refresh() {
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      const answer = await fetch(location.href, { headers: { "X-Refresh": "1" }, credentials: "same-origin", redirect: "error" });
      if (answer.ok) apply(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // away for a moment: the next round tries again
    } finally {
      running = false;
    }
    if (again) {
      again = false;
      await refresh();
    }
  }

  function apply(fresh) {
    document.title = fresh.title;
    for (const list of document.querySelectorAll("[data-live-list]")) {
      const other = fresh.getElementById(list.id);
      if (other) addNewChildren(list, other);
    }
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = fresh.getElementById(part.id);
      if (other) replacePart(part, document.importNode(other, true));
    }
    const main = document.getElementById("main");
    if (!fresh.getElementById("main").hasAttribute("data-refresh")) main.removeAttribute("data-refresh");
  }

  function begin() {
    const main = document.getElementById("main");
    showTimes(document);
    showCopyButtons(document);
    setInterval(() => showTimes(document), 15000);
    const seconds = Number(main.dataset.refresh);
    if (seconds) setInterval(() => document.hidden || !main.dataset.refresh || refresh(), seconds * 1000);
    document.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-copy]");
      if (button) copy(button);
    });
    document.addEventListener("keydown", (event) => {
      const field = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
      if (!field || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
      event.preventDefault();
      field.focus();
    });
  }

  begin();
  return { refresh, announce };
})();
