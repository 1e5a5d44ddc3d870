// A waterfall in three steps: waiting for the head, for the first byte, and the chunks. It is
// stretched to the width there is, so words and figures stand below it and not in it.

import { element, svgElement } from "./dom.js";
import { bytes, plural, time } from "./format.js";

const WIDTH = 1000;
const LANES = { wait: [4, 10], head: [20, 10], body: [36, 24] }; // top, height

export class Waterfall {
  constructor() {
    this.bars = {};
    for (const [name, [y, height]] of Object.entries(LANES)) {
      this.bars[name] = svgElement("rect", { class: name, y, height, x: 0, width: 0 });
    }
    const [top, height] = LANES.body;
    this.ticks = svgElement("path", { class: "ticks", "vector-effect": "non-scaling-stroke" });
    this.holes = svgElement("path", { class: "holes" });
    this.tick = (x) => `M${x.toFixed(1)} ${top}v${height}`;
    this.end = svgElement("path", { class: "end", "vector-effect": "non-scaling-stroke" });
    const box = { viewBox: `0 0 ${WIDTH} 64`, preserveAspectRatio: "none", role: "img" };
    this.svg = svgElement("svg", box, ...Object.values(this.bars), this.holes, this.ticks, this.end);
    this.legend = element("p", { class: "legend" });
    this.node = element("div", { class: "waterfall" }, this.svg, this.legend);
    this.#say("Nothing sent yet");
  }

  draw(wire) {
    const whole = Math.max(wire.duration, 1);
    const x = (ms) => Math.min((ms / whole) * WIDTH, WIDTH);
    const head = wire.headAt ?? wire.firstAt ?? wire.duration;
    const first = wire.firstAt ?? wire.duration;
    this.#bar("wait", 0, x(head));
    this.#bar("head", x(head), x(first));
    this.#bar("body", x(first), wire.firstAt === null ? x(first) : WIDTH);
    this.ticks.setAttribute("d", wire.moments.map((at) => this.tick(x(at))).join(""));
    const hole = ([from, to]) => `M${x(from)} 0H${x(to ?? whole)}V64H${x(from)}z`;
    this.holes.setAttribute("d", wire.holes.map(hole).join(""));
    this.end.setAttribute("d", wire.endAt === null ? "" : `M${WIDTH - 1} 0V64`);
    const steps = [
      wire.headAt !== null && `head ${time(wire.headAt)}`,
      wire.firstAt !== null && `first ${wire.unit} ${time(wire.firstAt)}`,
      wire.count > 0 && `${plural(wire.count, "chunk")}, ${bytes(wire.size)}`,
      wire.comebacks > 0 && `away ${plural(wire.comebacks, "time")}`,
      wire.endAt !== null && `end ${time(wire.endAt)}`,
    ];
    this.#say(["sent 0", ...steps.filter(Boolean)].join(" · "));
  }

  #bar(name, from, to) {
    this.bars[name].setAttribute("x", from);
    this.bars[name].setAttribute("width", Math.max(to - from, 0));
  }

  #say(text) {
    this.legend.textContent = text;
    this.svg.setAttribute("aria-label", `Waterfall: ${text}`);
  }
}
