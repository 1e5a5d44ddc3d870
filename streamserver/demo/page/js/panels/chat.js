// The chat: the response to a POST is an event stream, so this module parses the events.

import { Cut } from "../ends.js";
import { plural, time } from "../format.js";
import { Panel } from "../panel.js";
import { ask, chunks } from "../reading.js";
import { EventParser } from "../sse.js";

const panel = new Panel("chat", async (run, form) => {
  panel.output.textContent = "";
  run.wire.gist = tokensIn;
  const json = { prompt: form.elements.prompt.value };
  const response = await ask("/api/chat", { method: "POST", json }, run);
  run.say("Receiving tokens …");
  let tokens = 0;
  for await (const data of events(response, run)) {
    if (data === "[DONE]") return `Done: ${plural(tokens, "token")} in ${time(run.wire.now)}.`;
    const token = JSON.parse(data).choices?.[0]?.delta?.content;
    if (!token) continue; // the first event names only the role
    tokens += 1;
    panel.output.append(token);
  }
  // A complete answer ends with [DONE].
  throw new Cut(`the answer ended without [DONE] after ${plural(tokens, "token")}`);
});

// The tokens of a chunk, for the list of chunks: all chunks begin with the same members.
function tokensIn(chunk) {
  const text = new TextDecoder().decode(chunk);
  return Array.from(text.matchAll(/"content":("(?:[^"\\]|\\.)+")/g), ([_, token]) => token).join(" ");
}

async function* events(response, run) {
  const decoder = new TextDecoder();
  const parser = new EventParser();
  for await (const chunk of chunks(response, run)) {
    yield* parser.feed(decoder.decode(chunk, { stream: true }));
  }
}
