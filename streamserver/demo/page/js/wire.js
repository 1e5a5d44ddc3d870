// The wire below a panel: the time to the first byte, the timeline, the chunks in order of arrival,
// and on demand the bytes that the server wrote.

import { element } from "./dom.js";
import { bytes, plural, time } from "./format.js";
import { visible } from "./rawbytes.js";
import { RawView } from "./rawview.js";
import { Waterfall } from "./waterfall.js";

const ROWS = 100;
const TICK = 100; // ms between two drawings of a stream that is open and silent

export class WireView {
  #run = null;
  #drawn = 0;
  #frame = 0;
  #timer = 0;

  constructor(box) {
    this.firstByte = element("strong", { class: "figure" }, "–");
    this.waterfall = new Waterfall();
    this.rows = element("ol", { class: "arrivals" });
    const scroll = { class: "scroll", tabindex: "0", role: "group", "aria-label": "Chunks in order of arrival" };
    this.scroll = element("div", scroll, this.rows);
    this.earlier = element("p", { class: "hint" });
    this.raw = new RawView();
    this.unit = element("span", {}, "to the first byte");
    const first = element("p", { class: "first" }, this.firstByte, this.unit);
    this.body = element("div", { class: "wirebody", hidden: "" }, this.earlier, this.scroll, this.raw.node);
    box.append(element("div", { class: "glance" }, first, this.waterfall.node), this.body);
  }

  show(run) {
    this.#run = run;
    this.#drawn = 0;
    this.rows.replaceChildren();
    this.body.hidden = false;
    this.raw.reset(run);
    run.wire.onchange = () => this.#soon();
    this.#soon();
  }

  // Draw at most once per frame, for any number of chunks.
  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw(this.#run.wire);
      clearTimeout(this.#timer);
      if (this.#run.wire.isOpen) this.#timer = setTimeout(() => this.#soon(), TICK);
    });
  }

  #draw(wire) {
    const none = wire.isOpen ? "…" : "–";
    this.firstByte.textContent = wire.firstAt === null ? none : time(wire.firstAt);
    this.unit.textContent = `to the first ${wire.unit}`;
    this.waterfall.draw(wire);
    if (this.#drawn === wire.count) return;
    const follow = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 40;
    const fresh = wire.latest.slice(-Math.min(wire.count - this.#drawn, ROWS));
    this.rows.append(...fresh.map(row));
    this.#drawn = wire.count;
    while (this.rows.children.length > ROWS) this.rows.firstChild.remove();
    const more = wire.count - this.rows.children.length;
    this.rows.start = more + 1;
    this.earlier.textContent = more ? `The last ${ROWS} of ${plural(wire.count, wire.piece)}:` : "";
    if (follow) this.scroll.scrollTop = this.scroll.scrollHeight;
  }
}

function row({ at, size, gist, piece }) {
  const said = gist ? [element("strong", {}, gist), " "] : [];
  const text = element("code", {}, ...said, ...visible(piece, { lines: false }));
  const when = element("span", { class: "at" }, `+${time(at)}`);
  return element("li", {}, when, element("span", { class: "size" }, bytes(size)), text);
}
