// An export: rows are counted as they come; the first and the last are shown, none is kept.

import { count, time } from "../format.js";
import { Panel } from "../panel.js";
import { ask, chunks } from "../reading.js";

const FIRST = 4;

const panel = new Panel("export", async (run, form) => {
  const { rows, format } = form.elements;
  const bar = panel.section.querySelector("progress");
  const heading = format.value === "csv" ? 1 : 0; // its first line is no row
  const table = new Table();
  bar.max = rows.valueAsNumber + heading;
  bar.value = 0;
  const response = await ask(`/api/export?rows=${rows.value}&format=${format.value}`, {}, run);
  run.say("Rows are coming …");
  const decoder = new TextDecoder();
  for await (const chunk of chunks(response, run)) {
    table.add(decoder.decode(chunk, { stream: true }));
    bar.value = table.lines;
    panel.output.textContent = table.shown();
  }
  return `Done: ${count(table.lines - heading)} rows in ${time(run.wire.now)}.`;
});

class Table {
  lines = 0;
  #first = [];
  #last = "";
  #rest = ""; // a line that is not whole yet

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
