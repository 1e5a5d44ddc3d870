// The bytes that the server wrote, fetched from its recording on demand.

import { element, prose } from "./dom.js";
import { bytes, plural, time } from "./format.js";
import { Framing, inHex, visible } from "./rawbytes.js";

const SHOWN = 2048; // bytes of one write; the rest of a long write is omitted

export class RawView {
  #run = null;

  constructor() {
    this.button = element("button", { type: "button", class: "quiet", "aria-expanded": "false" }, "Raw bytes");
    this.again = element("button", { type: "button", class: "quiet", hidden: "" }, "Read again");
    this.box = element("div", { class: "raw", hidden: "", tabindex: "0", role: "group", "aria-label": "Raw bytes" });
    this.node = element("div", { class: "rawview" }, this.button, this.again, this.box);
    this.button.addEventListener("click", () => this.#toggle());
    this.again.addEventListener("click", () => this.#load());
  }

  reset(run) {
    this.#run = run;
    this.#open(false);
  }

  #toggle() {
    const open = this.box.hidden;
    this.#open(open);
    if (open) this.#load();
  }

  #open(open) {
    this.box.hidden = this.again.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
  }

  async #load() {
    const run = this.#run;
    const nodes = await recording(run.token, run.wire.connections);
    if (run === this.#run) this.box.replaceChildren(...nodes); // otherwise another run has started
  }
}

async function recording(token, connections) {
  try {
    const response = await fetch(`/api/wire/${token}`);
    if (response.status === 404) return [note(ELSEWHERE)];
    if (!response.ok) return [note(`The server answered ${response.status}.`)];
    const { exchanges } = await response.json();
    const nodes = exchanges.flatMap(exchangeNodes);
    if (exchanges.length < connections) nodes.unshift(note(PARTLY));
    return nodes;
  } catch {
    return [note("The server did not answer: the recording could not be read.")];
  }
}

const ELSEWHERE =
  "This server process has no recording: the server sent no response, the recording has expired, or" +
  " another worker has it (with `--redis`, workers share recordings).";

const PARTLY =
  "This recording is incomplete: some connections reached another worker, which does not share its" +
  " recordings (with `--redis` it does).";

const coded = (coding) =>
  `The body is encoded in ${coding} (\`Content-Encoding\`), and shown here in hexadecimal. The browser decodes` +
  " it before the page gets it: the chunks in order of arrival are decoded.";

const note = (text) => element("p", { class: "hint" }, ...prose(text));

function exchangeNodes({ request, outcome, body, unkept, writes }) {
  const heading = element("p", { class: "request" }, request.replace(/[?&]wire=\w+/, ""));
  const framing = new Framing();
  const nodes = writes.map((write) => writeNode(write, framing));
  if (framing.coding) nodes.push(note(coded(framing.coding)));
  const written = writes.reduce((sum, { size }) => sum + size, 0);
  if (body > written) nodes.push(note(`${bytes(body)} of the body were sent from a file by sendfile.`));
  if (unkept) nodes.push(note(`${plural(unkept, "more write")} not recorded, or recorded in part.`));
  const how = outcome ? `Outcome: ${outcome}` : "Still open";
  return [heading, ...nodes, element("p", { class: "outcome" }, how)];
}

function writeNode({ ms, size, bytes: encoded }, framing) {
  const all = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
  const shown = element("pre");
  let left = SHOWN;
  for (const [kind, part] of framing.parts(all)) {
    const some = part.subarray(0, left);
    left -= some.length;
    if (!some.length) continue;
    const isCoded = kind === "body" && framing.coding;
    const nodes = isCoded ? [inHex(some)] : visible(some, { words: kind === "head" });
    shown.append(element("span", { class: kind }, ...nodes));
  }
  if (size > SHOWN || size > all.length) shown.append(element("span", { class: "eol" }, "…"));
  return element("div", { class: "write" }, element("p", { class: "at" }, `+${time(ms)} · ${bytes(size)}`), shown);
}
