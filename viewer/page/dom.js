// Elements without strings of HTML: what comes from a run is text, never markup.

export const $ = (id) => document.getElementById(id);

// el("p", {class: "faint", onclick: f, "aria-label": "..."}, "text", child)
export function el(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name) {
  return svg("svg", { "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));
}

// Changes the document only where something changed: a screen reader says it once, and the page does less.
export function text(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

export function toast(words, kind = "") {
  const item = el("p", { class: `toast ${kind}` }, words);
  $("toasts").append(item);
  while ($("toasts").children.length > 3) $("toasts").firstChild.remove();
  setTimeout(() => item.remove(), 4000);
}

export function save(blob, name) {
  const url = URL.createObjectURL(blob), link = el("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// What the browser keeps for us; it may refuse, in private windows and in frames.
export function kept(key) {
  try {
    return JSON.parse(localStorage.getItem(`weaver ${key}`));
  } catch {
    return null;
  }
}

export function keep(key, value) {
  try {
    localStorage.setItem(`weaver ${key}`, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
