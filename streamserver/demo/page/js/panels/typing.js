// Typing: a POST, a reader over the response body, and bytes decoded as a stream.

import { Panel } from "../panel.js";
import { ask, chunks } from "../reading.js";

const panel = new Panel("typing", async (run, form) => {
  const { text, cps } = form.elements;
  const json = { text: text.value, cps: cps.valueAsNumber };
  panel.output.textContent = "";
  const response = await ask("/api/type", { method: "POST", json }, run);
  run.say("Receiving text …");
  // A chunk can end inside a character: `stream` keeps its bytes until the rest arrives.
  const decoder = new TextDecoder();
  for await (const chunk of chunks(response, run)) {
    panel.output.append(decoder.decode(chunk, { stream: true }));
  }
  panel.output.append(decoder.decode());
});
