// What every page needs: how times and numbers read, the theme, the keys, and telling the server whether anybody looks.
(() => {
  const UNITS = [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];

  // "3.2 s", "4 min 10 s", "43 min", "2 d 3 h" of seconds
  function span(seconds) {
    if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "–";
    if (seconds === 0) return "0 s";
    if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
    if (seconds < 10) return `${seconds.toFixed(1)} s`;
    const place = UNITS.findIndex(([, size]) => seconds >= size);
    const [unit, size] = UNITS[place];
    const whole = Math.floor(seconds / size);
    const next = UNITS[place + 1];
    const rest = next && whole < 10 ? Math.floor((seconds % size) / next[1]) : 0;
    return rest ? `${whole} ${unit} ${rest} ${next[0]}` : `${whole} ${unit}`;
  }

  // "3 min ago", "in 2 h"
  function ago(iso, now = Date.now()) {
    const seconds = (now - Date.parse(iso)) / 1000;
    const size = Math.abs(seconds);
    if (size < 1.5) return "now";
    const [unit, unitSize] = UNITS.find(([, each]) => size >= each) ?? UNITS[3];
    const words = `${Math.floor(size / unitSize)} ${unit}`;
    return seconds > 0 ? `${words} ago` : `in ${words}`;
  }

  const LONG = { dateStyle: "medium", timeStyle: "medium" };
  const stamp = (iso) => `${new Date(iso).toLocaleString(undefined, LONG)} (${zone})`;
  const clock = (iso) =>
    new Date(iso).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const number = (value) => (value === null || value === undefined ? "–" : Number(value).toLocaleString());
  const bytes = (value) => `${number(Math.round(value / 1048576))} MB`;

  // -- theme: the system's, until a person decides ---------------------------------------------------------------
  const root = document.documentElement;
  const chosen = () => localStorage.getItem("spaces-theme") ?? "auto";
  function show(theme) {
    root.style.colorScheme = theme === "auto" ? "light dark" : theme;
    window.Quasar?.Dark?.set(theme === "auto" ? "auto" : theme === "dark");
  }
  function turn() {
    const dark = chosen() === "dark" || (chosen() === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    localStorage.setItem("spaces-theme", dark ? "light" : "dark");
    show(chosen());
  }
  show(chosen());
  addEventListener("load", () => show(chosen()));

  // -- keys ------------------------------------------------------------------------------------------------------
  const typing = (element) => element?.closest("input, textarea, select, [contenteditable], [role=combobox]");
  const modal = () => document.querySelector("dialog[open], .q-dialog__inner");
  let begun = null;
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && typing(event.target)) event.target.blur();
    if (typing(event.target) || modal()) return;
    const link = begun === "g" && document.querySelector(`.nav a[data-key="${CSS.escape(event.key)}"]`);
    if (link) return go(event, link.href);
    begun = event.key === "g" ? "g" : null;
    if (event.key === "?") document.getElementById("keys").showModal();
    else if (event.key === "/") document.querySelector("[data-search]")?.focus();
    else if (event.key === "t") turn();
    else if (event.key === "n" && document.querySelector("[data-new]")) go(event, document.querySelector("[data-new]").href);
    else if (event.key === ".") document.querySelector("[data-hold]")?.click();
    else if (!dispatchEvent(new CustomEvent("spaces-key", { detail: event.key, cancelable: true }))) event.preventDefault();
    else return;
    event.preventDefault();
  }
  function go(event, url) {
    event.preventDefault();
    begun = null;
    location.href = url;
  }

  // -- what is clicked -------------------------------------------------------------------------------------------
  function click(event) {
    const copied = event.target.closest("[data-copy]");
    if (copied) {
      navigator.clipboard?.writeText(copied.dataset.copy);
      copied.classList.add("copied");
      setTimeout(() => copied.classList.remove("copied"), 1200);
    }
    if (event.target.closest("[data-theme]")) turn();
    if (event.target.closest("[data-keys]")) document.getElementById("keys").showModal();
    if (event.target.closest("[data-menu]")) document.body.classList.toggle("menu-open");
    else if (!event.target.closest(".nav")) document.body.classList.remove("menu-open");
  }

  // -- the focus goes back to where it was when a dialog is gone ---------------------------------------------------
  let before = null;
  function focused(event) {
    if (!event.target.closest?.("[id^=q-portal]")) before = event.target;
  }
  function removed(changes) {
    const dialogs = changes.flatMap((each) => [...each.removedNodes]).some((node) => node.id?.startsWith("q-portal--dialog"));
    if (dialogs && !modal() && document.activeElement === document.body && before?.isConnected) before.focus();
  }

  addEventListener("focusin", focused);
  addEventListener("keydown", key);
  addEventListener("click", click);
  addEventListener("visibilitychange", () => window.emitEvent?.("spaces_visible", !document.hidden));
  addEventListener("DOMContentLoaded", () => {
    new MutationObserver(removed).observe(document.body, { childList: true });
    document.querySelectorAll("[data-zone]").forEach((place) => (place.textContent = zone.replaceAll("_", " ")));
  });

  window.spaces = { span, ago, stamp, clock, number, bytes, zone };
})();
