// Three mistakes, made on purpose. Each panel shows what the browser told, and then why.

import { Cut, Late, Refused } from "../ends.js";
import { listen } from "../events.js";
import { Panel } from "../panel.js";
import { ask, chunks, complaint } from "../reading.js";

const PATIENCE = 4000; // ms: short, so that nobody has to wait long for the lesson

// 1. The headers are missing.
const unlabelled = new Panel("unlabelled", async (run) => {
  unlabelled.output.textContent = "";
  try {
    await listen("/pitfalls/unlabelled", run, { take: () => false });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    unlabelled.output.textContent =
      "The answer was 200 and its events were on their way, but its head has no Content-Type. So the" +
      " EventSource read none of them: one “error” event without a reason, and it never tries again." +
      " Only the console tells. EventStream sets the three fields that people forget.";
    throw error;
  }
});

// 2. Nobody closes the stream, or nobody handles its errors.
const unclosed = new Panel("unclosed", async (run, form, submitter) => {
  const why = unclosed.section.querySelector("[data-why]");
  unclosed.output.textContent = why.textContent = "";
  const decoder = new TextDecoder();
  try {
    const response = await ask(`/pitfalls/${submitter?.value || "unclosed"}`, {}, run);
    run.say("Reading …");
    for await (const chunk of chunks(response, run, PATIENCE)) {
      unclosed.output.append(decoder.decode(chunk, { stream: true }));
    }
  } catch (error) {
    if (error instanceof Late) why.textContent = FORGOTTEN;
    if (error instanceof Cut) why.textContent = BROKEN;
    throw error;
  }
});

const FORGOTTEN =
  "The four words were all there is, but no last-chunk came behind them: without it a pause looks" +
  " just like an end. A deadline for silence saves the reader; a generator that returns, or a" +
  " Stream that is closed, would have saved everybody.";
const BROKEN =
  "The server did the one honest thing: it cut the connection without a last-chunk, so read()" +
  " rejected. A reader who catches nothing, or takes what came for all there is, shows half an" +
  " answer as if it were whole.";

// 3. EventSource where a POST is needed.
const posting = new Panel("posting", async (run) => {
  const init = { method: "POST", body: '{"prompt": "Hello!"}' }; // both are ignored
  posting.output.textContent = "";
  try {
    await listen("/api/chat", run, { init, take: () => false });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    // What the EventSource keeps to itself, fetch tells.
    const response = await fetch("/api/chat").catch(() => null);
    if (!response) throw error;
    const allow = response.headers.get("allow");
    posting.output.textContent =
      `It sent GET, and was answered ${await complaint(response)} (Allow: ${allow}); all that it` +
      " tells is “error”. POST with fetch, and read response.body: the chat above does.";
    throw error;
  }
});
