// Three mistakes, made on purpose. Each panel shows what the browser reports and explains it.

import { prose } from "../dom.js";
import { Cut, Late, Refused } from "../ends.js";
import { listen } from "../events.js";
import { Panel } from "../panel.js";
import { ask, chunks } from "../reading.js";

const PATIENCE = 4000; // ms

function explain(box, text) {
  box.replaceChildren(...prose(text));
}

// 1. Missing header fields.
const unlabelled = new Panel("unlabelled", async (run) => {
  unlabelled.output.textContent = "";
  try {
    await listen("/pitfalls/unlabelled", run, { take: () => false });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    explain(unlabelled.output, UNLABELLED);
    throw error;
  }
});

// 2. A stream that is never closed, an error that is not handled.
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
    if (error instanceof Late) explain(why, FORGOTTEN);
    if (error instanceof Cut) explain(why, BROKEN);
    throw error;
  }
});

const UNLABELLED =
  "The server answered 200 and sent events, but the head has no `Content-Type`, so the `EventSource`" +
  " read none of them. It reports one `error` event without a reason and does not reconnect; only the" +
  " console names the cause. `EventStream` sets the required fields.";
const FORGOTTEN =
  "The four words are the whole text, but no last-chunk followed them, so the reader cannot distinguish" +
  " the end from a pause. The server must end the stream: the generator returns, or the handler closes" +
  " the `StreamController`. The reader needs a deadline for each wait.";
const BROKEN =
  "The producer failed, so the server closed the connection without a last-chunk, and `read()`" +
  " rejected. A reader that ignores the rejection shows a partial text as a complete one.";

// 3. EventSource where a POST is needed.
const posting = new Panel("posting", async (run) => {
  const init = { method: "POST", body: '{"prompt": "Hello!"}' }; // both are ignored
  posting.output.textContent = "";
  try {
    const make = (url) => new EventSource(run.tapped(url), init);
    await listen("/api/chat", run, { make, take: () => false });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    // The EventSource hides the status; fetch shows it.
    const response = await fetch("/api/chat").catch(() => null);
    if (!response) throw error;
    const { status, statusText, headers } = response;
    explain(
      posting.output,
      `The EventSource sent GET, and the server answered ${status} ${statusText}: it allows only` +
        ` ${headers.get("allow") ?? "other methods"}. The EventSource reports one \`error\` event without a reason. Send POST` +
        " with `fetch` and read `response.body`, as the chat above does.",
    );
    throw error;
  }
});
