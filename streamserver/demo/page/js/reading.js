// Reads a response as a stream, with fetch:
//
//   const response = await ask("/api/type", { method: "POST", json: { text } }, run);
//   for await (const chunk of chunks(response, run)) show(decoder.decode(chunk, { stream: true }));
//
// `run` records the times of all steps, and its signal aborts them: see run.js.

import { Cut, Late, Refused } from "./ends.js";
import { send } from "./token.js";

const PATIENCE = 20_000; // ms without data: the server's heartbeats are more frequent

export async function ask(url, { json, ...options } = {}, run) {
  if (json !== undefined) options = { ...options, ...asJson(json) };
  const patience = watch(run);
  try {
    run.wire.sent();
    const response = await send(run.tapped(url), { ...options, signal: run.signal });
    run.wire.head(response.status);
    if (!response.ok) throw new Refused(await complaint(response), response.status);
    return response;
  } catch (error) {
    throw reason(error, run, () => new Refused("the server does not answer"));
  } finally {
    patience.end();
  }
}

// A request with a short response: there is no stream to stop or to watch.
export async function post(url, json) {
  const response = await send(url, { method: "POST", ...asJson(json) }).catch(() => {
    throw new Refused("the server does not answer");
  });
  if (!response.ok) throw new Refused(await complaint(response), response.status);
  return response;
}

const asJson = (json) => ({
  body: JSON.stringify(json),
  headers: { "Content-Type": "application/json" },
});

// The chunks of a body, each as soon as the browser delivers it. Leaving the loop early closes the
// connection, and the server cancels the response.
export async function* chunks(response, run, patienceMs = PATIENCE) {
  const reader = response.body.getReader();
  const patience = watch(run, patienceMs);
  let size = 0;
  try {
    for (;;) {
      patience.begin();
      const { done, value } = await reader.read();
      patience.end();
      if (done) return;
      size += value.length;
      run.wire.chunk(value);
      yield value;
    }
  } catch (error) {
    throw reason(error, run, () => new Cut(`the connection closed after ${size} bytes`));
  } finally {
    patience.end();
    reader.cancel().catch(() => {}); // a stream that has failed cannot be cancelled
  }
}

// A deadline for each wait, not for the whole stream: a stream may run all day if it sends data.
export function watch(run, ms = PATIENCE) {
  let timer;
  const late = () => run.abort(new Late(`no data arrived for ${ms / 1000} seconds`));
  const patience = {
    begin() {
      clearTimeout(timer);
      timer = setTimeout(late, ms);
    },
    end: () => clearTimeout(timer),
  };
  patience.begin();
  return patience;
}

// fetch rejects with "network error" or "aborted" only; this adds what is known here.
function reason(error, run, failure) {
  if (run.signal.aborted) return run.signal.reason;
  return error instanceof TypeError ? failure() : error;
}

// Errors of this server are problem documents (RFC 9457); a proxy may send any content.
export async function complaint(response) {
  const problem = await response.json().catch(() => ({}));
  return refusal(response.status, problem?.detail ?? problem?.title ?? response.statusText);
}

export const refusal = (status, detail) => `status ${status}${detail ? ` (${detail})` : ""}`;
