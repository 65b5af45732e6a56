// The image: zoom by wheel, buttons and two fingers, move by dragging, light boxes up.

const MOST = 12;

export class Stage {
  constructor(pane) {
    this.pane = pane;
    this.sheet = pane.querySelector("#sheet");
    this.width = Number(pane.dataset.width);
    this.height = Number(pane.dataset.height);
    this.pointers = new Map();
    this.touched = false;
    if (!this.sheet) return;
    this.#size();
    pane.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    pane.addEventListener("pointerdown", (event) => this.#down(event));
    pane.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) pane.addEventListener(name, (event) => this.#up(event));
    this.observer = new ResizeObserver(() => this.touched || this.fit());
    this.observer.observe(pane);
    this.fit();
  }

  /** Show another picture of the record. The boxes lie on the first one. */
  async show(address, withBoxes) {
    const picture = this.sheet.querySelector("#picture");
    picture.src = address;
    this.sheet.querySelector(".boxes").toggleAttribute("hidden", !withBoxes);
    await picture.decode();
    [this.width, this.height] = [picture.naturalWidth, picture.naturalHeight];
    this.#size();
    this.fit();
  }

  close() {
    this.observer?.disconnect();
  }

  /** The whole image, or a box of it (in its own pixels), as large as the pane allows. */
  fit(box = [0, 0, this.width, this.height]) {
    if (!this.sheet) return;
    const [x0, y0, x1, y1] = box;
    const { clientWidth: w, clientHeight: h } = this.pane;
    this.scale = Math.min(MOST, w / (x1 - x0), h / (y1 - y0)) * 0.98;
    this.x = w / 2 - ((x0 + x1) / 2) * this.scale;
    this.y = h / 2 - ((y0 + y1) / 2) * this.scale;
    this.touched = false;
    this.#place();
  }

  /** As near as reads well around the boxes of some groups. */
  fitTo(groups) {
    const boxes = groups.flatMap((group) => [...group.querySelectorAll("rect")]).map((rect) => rect.getBBox());
    if (!boxes.length) return this.fit();
    const margin = 0.12 * this.width;
    this.fit([
      Math.min(...boxes.map((b) => b.x)) - margin,
      Math.min(...boxes.map((b) => b.y)) - margin,
      Math.max(...boxes.map((b) => b.x + b.width)) + margin,
      Math.max(...boxes.map((b) => b.y + b.height)) + margin,
    ]);
    this.touched = true;
  }

  zoom(factor, x = this.pane.clientWidth / 2, y = this.pane.clientHeight / 2) {
    if (!this.sheet) return;
    const smallest = 0.5 * Math.min(this.pane.clientWidth / this.width, this.pane.clientHeight / this.height);
    const scale = Math.max(smallest, Math.min(MOST, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.touched = true;
    this.#place();
  }

  pan(dx, dy) {
    if (!this.sheet) return;
    this.x += dx;
    this.y += dy;
    this.touched = true;
    this.#place();
  }

  #size() {
    this.sheet.style.width = `${this.width}px`;
    this.sheet.style.height = `${this.height}px`;
  }

  #place() {
    // Some of the image always stays in sight.
    const { clientWidth: w, clientHeight: h } = this.pane;
    this.x = Math.min(w - 40, Math.max(40 - this.width * this.scale, this.x));
    this.y = Math.min(h - 40, Math.max(40 - this.height * this.scale, this.y));
    this.sheet.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
  }

  #wheel(event) {
    event.preventDefault();
    const { left, top } = this.pane.getBoundingClientRect();
    const lines = event.deltaMode === 1 ? 20 : 1;
    this.zoom(Math.exp(-event.deltaY * lines * 0.0016), event.clientX - left, event.clientY - top);
  }

  #down(event) {
    if (event.target.closest("button") || event.button > 0) return;
    this.pane.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    this.pane.classList.add("dragged");
  }

  #move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const spread = this.#spread();
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.pointers.size === 2) {
      const { left, top } = this.pane.getBoundingClientRect();
      const [[ax, ay], [bx, by]] = this.pointers.values();
      this.zoom(this.#spread() / spread, (ax + bx) / 2 - left, (ay + by) / 2 - top);
    }
    this.pan((event.clientX - before[0]) / this.pointers.size, (event.clientY - before[1]) / this.pointers.size);
  }

  #up(event) {
    this.pointers.delete(event.pointerId);
    if (!this.pointers.size) this.pane.classList.remove("dragged");
  }

  #spread() {
    if (this.pointers.size !== 2) return 1;
    const [[ax, ay], [bx, by]] = this.pointers.values();
    return Math.max(1, Math.hypot(ax - bx, ay - by));
  }
}
