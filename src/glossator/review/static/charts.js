// Histograms and a scatter in which one takes ranges by dragging. The server draws them (pieces/drawings.py).

const SVG = "http://www.w3.org/2000/svg";
const W = 200;
const H = 96;

function drawn(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

const cut = (value, top) => Math.max(0, Math.min(top, value));

/** Two marks that frame what is dragged over, in the chart's own units. `dragged(box, done)`; box null: all. */
function listen(svg, dragged) {
  let start = null;
  const at = (event) => {
    const { left, top, width, height } = svg.getBoundingClientRect();
    return [cut(((event.clientX - left) / width) * W, W), cut(((event.clientY - top) / height) * H, H)];
  };
  const box = (event) => {
    const [[x0, y0], [x1, y1]] = [start, at(event)];
    const moved = Math.abs(x1 - x0) > 2 || Math.abs(y1 - y0) > 6;
    return moved ? [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)] : null;
  };
  svg.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    svg.setPointerCapture(event.pointerId);
    start = at(event);
  });
  svg.addEventListener("pointermove", (event) => {
    const found = start && box(event);
    if (found) dragged(found, false);
  });
  svg.addEventListener("pointerup", (event) => {
    if (start) dragged(box(event), true);
    start = null;
  });
  svg.addEventListener("pointercancel", () => (start = null));
}

export class Histogram {
  /** `changed(range, done)`: the range taken, [low, high] with null for an open end, or null for all. */
  constructor(svg, changed) {
    this.svg = svg;
    this.top = 1;
    this.range = null;
    this.bounds = [];
    this.bars = drawn("g", {}, svg);
    this.brush = drawn("rect", { class: "brush", y: 0, height: H, hidden: "" }, svg);
    this.marks = drawn("g", {}, svg);
    this.ticks = document.createElement("div");
    this.ticks.className = "ticks";
    this.ticks.setAttribute("aria-hidden", "true");
    svg.after(this.ticks);
    listen(svg, (box, done) => changed(box && this.#values(box), done));
  }

  #values([x0, , x1]) {
    const value = (x) => Number(((x / W) * this.top).toPrecision(3));
    // The last bin holds all that lies beyond.
    return [x0 <= 1 ? null : value(x0), x1 >= W - 1 ? null : value(x1)];
  }

  /** `top`: where the axis ends; `bars`: drawn by the server. */
  draw(top, bars) {
    this.top = top;
    this.bars.innerHTML = bars;
    this.ticks.replaceChildren(...[0, 0.5, 1].map((share) => Object.assign(document.createElement("span"), { textContent: (share * top).toFixed(2) })));
    this.place();
  }

  place() {
    this.brush.toggleAttribute("hidden", !this.range);
    if (this.range) {
      const x0 = cut(((this.range[0] ?? 0) / this.top) * W, W);
      const x1 = cut(((this.range[1] ?? this.top) / this.top) * W, W);
      this.brush.setAttribute("x", x0);
      this.brush.setAttribute("width", Math.max(1, x1 - x0));
    }
    this.marks.replaceChildren();
    for (const bound of this.bounds) {
      const x = (bound / this.top) * W;
      if (x <= W) drawn("line", { class: "bound", x1: x, x2: x, y1: 0, y2: H }, this.marks);
    }
  }
}

export class Scatter {
  /** `changed(ranges, done)`: `{x: [low, high], y: [low, high]}`, or null for all. */
  constructor(svg, changed) {
    this.svg = svg;
    this.range = null;
    this.cells = drawn("g", {}, svg);
    this.brush = drawn("rect", { class: "brush", hidden: "" }, svg);
    listen(svg, (box, done) => changed(box && this.#values(box), done));
  }

  #values([x0, y0, x1, y1]) {
    const value = (share, top) => Number((share * top).toPrecision(3));
    const [left, right] = [x0 <= 1 ? null : value(x0 / W, this.right), x1 >= W - 1 ? null : value(x1 / W, this.right)];
    const [low, high] = [y1 >= H - 1 ? null : value(1 - y1 / H, this.upper), y0 <= 1 ? null : value(1 - y0 / H, this.upper)];
    return { x: [left, right], y: [low, high] };
  }

  /** Where the axes end, and the `cells`, drawn by the server. */
  draw({ right, upper }, cells) {
    [this.right, this.upper] = [right || 1, upper || 1];
    this.cells.innerHTML = cells;
    this.place();
  }

  place() {
    this.brush.toggleAttribute("hidden", !this.range);
    if (!this.range) return;
    const { x, y } = this.range;
    const [x0, x1] = [cut(((x[0] ?? 0) / this.right) * W, W), cut(((x[1] ?? this.right) / this.right) * W, W)];
    const [y0, y1] = [H - cut(((y[1] ?? this.upper) / this.upper) * H, H), H - cut(((y[0] ?? 0) / this.upper) * H, H)];
    for (const [key, value] of Object.entries({ x: x0, y: y0, width: Math.max(1, x1 - x0), height: Math.max(1, y1 - y0) })) {
      this.brush.setAttribute(key, value);
    }
  }
}
