// A timeline with three tracks: the wait for the head, the wait for the first byte, and the chunks.
// The drawing is stretched to the available width, so all text stands beside and below it.

import { element, svgElement } from "./dom.js";
import { bytes, plural, time } from "./format.js";

const WIDTH = 1000;
const HEIGHT = 60;
const TRACKS = { wait: [5, 10], head: [25, 10], body: [42, 16] }; // top, height: one per 20

export class Waterfall {
  constructor() {
    this.bars = {};
    for (const [name, [y, height]] of Object.entries(TRACKS)) {
      this.bars[name] = svgElement("rect", { class: name, y, height, x: 0, width: 0 });
    }
    const [top, height] = TRACKS.body;
    this.ticks = svgElement("path", { class: "ticks", "vector-effect": "non-scaling-stroke" });
    this.holes = svgElement("path", { class: "holes" });
    this.tick = (x) => `M${x.toFixed(1)} ${top}v${height}`;
    this.end = svgElement("path", { class: "end", "vector-effect": "non-scaling-stroke" });
    const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" };
    this.svg = svgElement("svg", box, ...Object.values(this.bars), this.holes, this.ticks, this.end);
    this.labels = ["Head", "", ""].map((text) => element("span", {}, text));
    // Hidden from screen readers: the name of the image has the same content.
    const labels = element("div", { class: "tracks", "aria-hidden": "true" }, ...this.labels);
    this.legend = element("p", { class: "legend" });
    this.node = element("div", { class: "waterfall" }, labels, this.svg, this.legend);
    this.draw(null);
  }

  // Draw a timeline; null for none.
  draw(wire) {
    const { unit, piece } = wire ?? { unit: "byte", piece: "chunk" };
    this.labels[1].textContent = `First ${unit}`;
    this.labels[2].textContent = piece === "event" ? "Events" : "Chunks";
    if (wire) this.#draw(wire);
    else this.#describe(["no request sent yet"]);
  }

  #draw(wire) {
    const whole = Math.max(wire.duration, 1);
    const x = (ms) => Math.min((ms / whole) * WIDTH, WIDTH);
    const head = wire.headAt ?? wire.firstAt ?? wire.duration;
    const first = wire.firstAt ?? wire.duration;
    this.#bar("wait", 0, x(head));
    this.#bar("head", x(head), x(first));
    this.#bar("body", x(first), wire.firstAt === null ? x(first) : WIDTH);
    this.ticks.setAttribute("d", wire.moments.map((at) => this.tick(x(at))).join(""));
    const hole = ([from, to]) => `M${x(from)} 0H${x(to ?? whole)}V${HEIGHT}H${x(from)}z`;
    this.holes.setAttribute("d", wire.holes.map(hole).join(""));
    this.end.setAttribute("d", wire.endAt === null ? "" : `M${WIDTH - 1} 0V${HEIGHT}`);
    const steps = [
      wire.headAt !== null && `head ${time(wire.headAt)}`,
      wire.firstAt !== null && `first ${wire.unit} ${time(wire.firstAt)}`,
      wire.count > 0 && `${plural(wire.count, wire.piece)}, ${bytes(wire.size)}`,
      wire.comebacks > 0 && `reconnected ${plural(wire.comebacks, "time")}`,
      wire.endAt !== null && `end ${time(wire.endAt)}`,
    ];
    this.#describe(["request 0 ms", ...steps.filter(Boolean)]);
  }

  #bar(name, from, to) {
    this.bars[name].setAttribute("x", from);
    this.bars[name].setAttribute("width", Math.max(to - from, 0));
  }

  // A step never wraps between a name and its figure.
  #describe(steps) {
    const parts = steps.map((step, n) => (n < steps.length - 1 ? `${step} ·` : step));
    const nodes = parts.flatMap((part) => [" ", element("span", { class: "word" }, part)]);
    this.legend.replaceChildren(...nodes.slice(1));
    this.svg.setAttribute("aria-label", `Timeline: ${steps.join(" · ")}`);
  }
}
