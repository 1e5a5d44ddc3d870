// Text as it is typed: POST, a reader over the body, and bytes decoded as a stream.

import { Panel } from "../panel.js";
import { ask, chunks } from "../reading.js";

const panel = new Panel("typing", async (run, form) => {
  const { text, cps } = form.elements;
  const json = { text: text.value, cps: cps.valueAsNumber };
  panel.output.textContent = "";
  const response = await ask("/api/type", { method: "POST", json }, run);
  run.say("Typing …");
  // A chunk may end in the middle of a character: `stream` keeps half of it until the rest comes.
  const decoder = new TextDecoder();
  for await (const chunk of chunks(response, run)) {
    panel.output.append(decoder.decode(chunk, { stream: true }));
  }
  panel.output.append(decoder.decode());
});
