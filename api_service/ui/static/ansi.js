// A line of a log as elements: the same rules as views/ansi.py has for stored logs. Text only ever becomes text.
"use strict";

const MoonLog = (() => {
  const LONGEST = 4000;
  const SEQUENCE = /\x1b\[([0-?]{0,64})[ -/]{0,8}([@-~])|\x1b[\]PX^_][^\x07\x1b\n]{0,4096}(?:\x07|\x1b\\)|\x1b[ -/]{0,8}[0-OQ-WYZ\\`-~]/g;
  const HIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]|\p{Cs}/gu;
  const plain = () => ({ fg: null, bg: null, b: false, d: false, i: false, u: false });

  const nearest = (r, g, b) => (Math.max(r, g, b) > 200 ? 8 : 0) + (r > 110 ? 1 : 0) + (g > 110 ? 2 : 0) + (b > 110 ? 4 : 0);
  const level = (part) => (part === 0 ? 0 : 55 + part * 40);

  function of256(n) {
    if (n < 16) return n;
    if (n >= 232) return nearest(8 + (n - 232) * 10, 8 + (n - 232) * 10, 8 + (n - 232) * 10);
    const cube = n - 16;
    return nearest(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
  }

  function setStyle(style, parameters) {
    const codes = parameters.split(/[;:]/).map((code) => (/^\d+$/.test(code) ? Number(code) : 0));
    let now = style;
    while (codes.length) {
      const code = codes.shift();
      if (code === 38 || code === 48) {
        let colour = null;
        if (codes[0] === 5 && codes.length > 1) colour = of256(codes.splice(0, 2)[1]);
        else if (codes[0] === 2 && codes.length > 3) colour = nearest(...codes.splice(0, 4).slice(1));
        else codes.length = 0;
        now = code === 38 ? { ...now, fg: colour } : { ...now, bg: colour };
      } else now = setOne(now, code);
    }
    return now;
  }

  function setOne(style, code) {
    const on = { 1: "b", 2: "d", 3: "i", 4: "u" }[code];
    if (code === 0) return plain();
    if (on) return { ...style, [on]: true };
    if (code === 22) return { ...style, b: false, d: false };
    if (code === 23) return { ...style, i: false };
    if (code === 24) return { ...style, u: false };
    if (code === 39) return { ...style, fg: null };
    if (code === 49) return { ...style, bg: null };
    for (const [first, name, bright] of [[30, "fg", 0], [40, "bg", 0], [90, "fg", 8], [100, "bg", 8]]) {
      if (first <= code && code < first + 8) return { ...style, [name]: code - first + bright };
    }
    return style;
  }

  function element(name, className, text) {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  }

  function addText(parent, text) {
    let end = 0;
    for (const found of text.matchAll(HIDDEN)) {
      parent.append(text.slice(end, found.index));
      const code = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      parent.append(element("span", "hidden-char", `U+${code}`));
      end = found.index + found[0].length;
    }
    parent.append(text.slice(end));
  }

  function addRun(parent, text, style) {
    if (!text) return;
    const colours = ["fg", "bg"].filter((name) => style[name] !== null).map((name) => name + style[name]);
    const classes = [...colours, ...["b", "d", "i", "u"].filter((name) => style[name])].join(" ");
    const target = classes ? element("span", classes, "") : parent;
    addText(target, text);
    if (target !== parent) parent.append(target);
  }

  // The line as one element, and the style in which it ends.
  function line(text, style) {
    const shown = text.replace(/\r+$/, "").split("\r").pop();
    const row = document.createElement("span");
    let now = style || plain();
    let end = 0;
    const cut = shown.slice(0, LONGEST);
    for (const found of cut.matchAll(SEQUENCE)) {
      addRun(row, cut.slice(end, found.index), now);
      if (found[2] === "m") now = setStyle(now, found[1]);
      end = found.index + found[0].length;
    }
    addRun(row, cut.slice(end), now);
    if (shown.length > LONGEST) row.append(element("span", "log-note", ` … ${shown.length - LONGEST} more characters`));
    row.append("\n");
    return [row, now];
  }

  return { line };
})();
