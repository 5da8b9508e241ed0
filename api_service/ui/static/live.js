// The log of a run while it is on: each line comes as an event and is added as text.
"use strict";

(() => {
  const main = document.getElementById("main");
  if (!main.dataset.events) return;
  const MOST_LINES = 5000;
  const logs = new Map();
  let waiting = null;

  function logOf(step, attempt, name) {
    const id = `log-${step}-${attempt}`;
    if (logs.has(id)) return logs.get(id);
    const box = document.getElementById(id) || makeLog(id, step, name);
    if (!box) return null;
    box.replaceChildren();
    const log = { box, style: null, lines: 0 };
    logs.set(id, log);
    return log;
  }

  function makeLog(id, step, name) {
    const logsOfStep = document.getElementById(`logs-${step}`);
    if (!logsOfStep) return null;
    const outer = document.createElement("div");
    outer.className = "log-box";
    const bar = document.createElement("div");
    bar.className = "log-bar";
    bar.textContent = name;
    const box = document.createElement("pre");
    box.id = id;
    box.className = "log";
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", `Log ${name}`);
    outer.append(bar, box);
    logsOfStep.append(outer);
    return box;
  }

  function add(log, text) {
    const { box } = log;
    const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    const [row, style] = MoonLog.line(text, log.style);
    log.style = style;
    box.append(row);
    log.lines += 1;
    if (log.lines > MOST_LINES) box.firstChild.remove();
    if (follows) box.scrollTop = box.scrollHeight;
  }

  // The step that is on is open, as long as the reader has not chosen otherwise.
  const chosen = new Set();
  main.addEventListener("click", (event) => {
    const summary = event.target.closest(".step > summary");
    if (summary) chosen.add(summary.parentElement.id);
  });

  function show(step, open) {
    const details = document.getElementById(`step-${step}`);
    if (details && !chosen.has(details.id) && !details.contains(document.activeElement)) details.open = open;
  }

  function refreshSoon() {
    if (waiting === null) {
      waiting = setTimeout(() => {
        waiting = null;
        Moon.refresh();
      }, 150);
    }
  }

  const stream = new EventSource(main.dataset.events);
  stream.addEventListener("log", (event) => {
    const { step, attempt, text } = JSON.parse(event.data);
    const log = logOf(step, attempt, `${step}, try ${attempt}`);
    if (log) add(log, text);
  });
  stream.addEventListener("state", (event) => {
    const { kind, payload } = JSON.parse(event.data);
    if (kind === "step_started") show(payload.step, true);
    if (kind === "step_finished" && payload.state === "SUCCESS") show(payload.step, false);
    refreshSoon();
  });
  stream.addEventListener("end", () => {
    stream.close();
    refreshSoon();
  });
  window.addEventListener("pagehide", () => stream.close());
})();
