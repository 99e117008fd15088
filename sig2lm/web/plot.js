// Pointer and keys over a plot become messages {action, ...} in shares of the width; the server draws what they ask for.
const send = (action, rest = {}) => trigger("select", { action, ...rest });
const lines = (node) => node.closest && node.closest(".lines");
const share = (box, x) => {
  const width = box.right - box.left;
  return Math.min(Math.max((x - box.left) / width, 0), 1);
};
// Where time runs, without the margin that holds the numbers.
const ground = (node) => (node.querySelector(".ground") || node.querySelector(".panel")).getBoundingClientRect();
const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all", Home: "all" };

let drag = null;
let wheeled = 0;
let refocus = null;

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-view]");
  if (!button) return;
  refocus = `[data-view="${button.dataset.view}"]`;
  send(button.dataset.view);
});

element.addEventListener("keydown", (event) => {
  const action = keys[event.key];
  if (!lines(event.target) || !action || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  refocus = ".lines[tabindex]";
  send(action);
});

element.addEventListener("wheel", (event) => {
  const node = lines(event.target);
  if (!node || !(event.ctrlKey || event.metaKey || event.shiftKey)) return;
  event.preventDefault();
  if (event.timeStamp - wheeled < 120) return; // each turn of a wheel is many of these
  wheeled = event.timeStamp;
  const delta = event.deltaY || event.deltaX;
  if (event.shiftKey) send(delta > 0 ? "right" : "left");
  else send(delta > 0 ? "out" : "in", { at: share(ground(node), event.clientX) });
}, { passive: false });

element.addEventListener("pointerdown", (event) => {
  const node = lines(event.target);
  if (!node || event.button !== 0 || !node.querySelector(".ground")) return;
  drag = { node, box: ground(node), from: event.clientX, pan: event.shiftKey };
});

element.addEventListener("pointermove", (event) => {
  if (!drag || Math.abs(event.clientX - drag.from) < 4) return;
  const [first, last] = [share(drag.box, drag.from), share(drag.box, event.clientX)].sort((a, b) => a - b);
  for (const mark of drag.node.querySelectorAll(".window")) {
    if (drag.pan) mark.style.transform = `translateX(${event.clientX - drag.from}px)`;
    else Object.assign(mark.style, { left: `${100 * first}%`, width: `${100 * (last - first)}%` });
  }
  event.preventDefault();
});

const finish = (event) => {
  if (!drag) return;
  const { box, from, pan } = drag;
  drag = null;
  if (event.type === "pointercancel" || Math.abs(event.clientX - from) < 4) return;
  if (pan) send("pan", { by: (from - event.clientX) / (box.right - box.left) });
  else send("choose", { from: share(box, from), to: share(box, event.clientX) });
};
window.addEventListener("pointerup", finish);
window.addEventListener("pointercancel", finish);

// The server draws for a width; it is told when that changes by more than a scroll bar.
let width = 0;
const measure = () => {
  const found = Math.round(element.clientWidth);
  if (found > 0 && Math.abs(found - width) > 20) {
    width = found;
    send("width", { width });
  }
};
new ResizeObserver(measure).observe(element);

watch("value", () => {
  if (refocus && element.contains(document.activeElement) === false) element.querySelector(refocus)?.focus();
  refocus = null;
});
