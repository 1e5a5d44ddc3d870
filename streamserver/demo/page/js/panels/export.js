// An export: rows are counted as they arrive. The first rows and the last one are shown.

import { count, plural, time } from "../format.js";
import { Panel } from "../panel.js";
import { ask, chunks } from "../reading.js";

const FIRST = 4;

const panel = new Panel("export", async (run, form) => {
  const { rows, format } = form.elements;
  const bar = panel.section.querySelector("progress");
  const heading = format.value === "csv" ? 1 : 0; // the first line is not a row
  const table = new Table();
  bar.max = rows.valueAsNumber + heading;
  bar.value = 0;
  const response = await ask(`/api/export?rows=${rows.value}&format=${format.value}`, {}, run);
  run.say("Receiving rows …");
  const decoder = new TextDecoder();
  for await (const chunk of chunks(response, run)) {
    table.add(decoder.decode(chunk, { stream: true }));
    bar.value = table.lines;
    panel.output.textContent = table.shown();
  }
  return `Done: ${count(table.lines - heading)} rows in ${time(run.wire.now)}.`;
});

// The link saves what the form selects; the browser reports what is wrong with an invalid form.
const { rows, format } = panel.form.elements;
const link = panel.section.querySelector("[data-save]");
link.addEventListener("click", (event) => {
  if (!panel.form.reportValidity()) event.preventDefault();
});
panel.form.addEventListener("input", offer);
offer();

function offer() {
  const wanted = rows.validity.valid ? plural(rows.valueAsNumber, "row") : "the rows";
  link.href = `/api/export?rows=${rows.value}&format=${format.value}`;
  link.textContent = `Save ${wanted} as ${format.value.toUpperCase()}`;
}

class Table {
  lines = 0;
  #first = [];
  #last = "";
  #rest = ""; // a line that is still incomplete

  add(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop();
    if (!lines.length) return;
    this.#first.push(...lines.slice(0, FIRST - this.#first.length));
    this.#last = lines.at(-1);
    this.lines += lines.length;
  }

  shown() {
    const gap = this.lines > FIRST ? ["…", this.#last] : [];
    return [...this.#first, ...gap].map((line) => line.trimEnd()).join("\n");
  }
}
