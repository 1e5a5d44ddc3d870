// Reads an answer that the server keeps. The answer has a URL, where the page continues after a lost
// connection or a reload, so the model is asked once.

import { Cut, Refused } from "./ends.js";
import { ask, chunks } from "./reading.js";
import { EventParser } from "./sse.js";
import { send } from "./token.js";

const ATTEMPTS = 10; // to continue, without an event in between
const PAUSE = 250; // ms before the first attempt, and twice as long before each further one
const LONGEST_PAUSE = 8000; // ms

// The data of each event. `answer` has the `prompt`, a `key` that makes its request idempotent, and
// a `location` as soon as the server has named it. `opened` is called for each connection, `again`
// for each one that is lost.
export async function* follow(answer, run, { opened, again }) {
  let last = ""; // id of the last event
  let failures = 0;
  for (;;) {
    try {
      const response = await request(answer, last, run);
      opened();
      const parser = new EventParser();
      const decoder = new TextDecoder();
      for await (const chunk of chunks(response, run)) {
        for (const { data, id } of parser.feed(decoder.decode(chunk, { stream: true }))) {
          last = id || last;
          failures = 0;
          yield data;
        }
      }
      return;
    } catch (error) {
      if (!answer.location || !isPassing(error) || failures === ATTEMPTS) throw error;
      run.wire.lost();
      again();
      await pause(Math.min(PAUSE * 2 ** failures, LONGEST_PAUSE), run.signal);
      failures += 1;
    }
  }
}

// Delete an answer. Before the head of its response it has no location: the same request, without a
// run that could be stopped, returns the head.
export async function cancel(answer) {
  if (!answer.location) {
    const response = await send("/api/chat", question(answer));
    answer.location = response.headers.get("location");
    await response.body.cancel();
  }
  if (answer.location) await send(answer.location, { method: "DELETE", keepalive: true });
}

async function request(answer, last, run) {
  if (answer.location) {
    const headers = last ? { "Last-Event-ID": last } : {};
    const response = await ask(answer.location, { headers, cache: "no-store" }, run);
    run.wire.back();
    return response;
  }
  const response = await ask("/api/chat", question(answer), run);
  answer.location = response.headers.get("location");
  return response;
}

const question = ({ prompt, key }) => ({
  method: "POST",
  body: JSON.stringify({ prompt }),
  headers: { "Content-Type": "application/json", "Idempotency-Key": key },
});

// Whether another attempt can succeed: the connection was lost, or a server on the way is down.
const isPassing = (error) => error instanceof Cut || (error instanceof Refused && (!error.status || error.status >= 500));

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, ms);
    window.addEventListener("online", resolve, { once: true, signal });
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}
