// A large download: progress, back-pressure, and resumption with a range request.

import { bytes, count, time } from "../format.js";
import { Panel } from "../panel.js";
import { ask, chunks } from "../reading.js";

const FILE = "/files/sample.bin";
const MIB = 2 ** 20;
let kept = { size: 0, total: 0, etag: "" }; // of the previous attempt

const panel = new Panel("download", async (run, form) => {
  const bar = panel.section.querySelector("progress");
  const perMs = (form.elements.rate.value * MIB) / 1000;
  // If the file has changed, the server ignores the range and sends the whole file.
  const headers = kept.size ? { Range: `bytes=${kept.size}-`, "If-Range": kept.etag } : {};
  const response = await ask(FILE, { headers, cache: "no-store" }, run);
  const isRest = response.status === 206;
  const from = isRest ? kept.size : 0;
  const total = from + Number(response.headers.get("content-length"));
  kept = { size: from, total, etag: response.headers.get("etag") };
  run.say(isRest ? `Resuming after ${bytes(from)} …` : "Downloading …");
  run.wire.isText = false;
  run.wire.gist = () => `offset ${count(kept.size)}`;
  bar.max = total;
  for await (const chunk of chunks(response, run)) {
    kept.size += chunk.length;
    bar.value = kept.size;
    panel.output.textContent = `${bytes(kept.size)} of ${bytes(total)}`;
    // While the page does not read, the receive window fills and the server waits: back-pressure.
    if (perMs) await until(run, (kept.size - from) / perMs);
  }
  kept.size = 0;
  return `Done: ${bytes(total - from)} in ${time(run.wire.now)}.`;
});

function until(run, ms) {
  const left = ms - run.wire.now;
  if (left <= 0) return undefined;
  return new Promise((resolve) => {
    setTimeout(resolve, left);
    run.signal.addEventListener("abort", resolve); // so that Interrupt takes effect immediately
  });
}
