// Reading a response as a stream, with fetch: this is all that there is to it.
//
//   const response = await ask("/api/type", { method: "POST", json: { text } }, run);
//   for await (const chunk of chunks(response, run)) show(decoder.decode(chunk, { stream: true }));
//
// `run` is told what happens when, and its signal ends everything: see run.js.

import { Cut, Late, Refused } from "./ends.js";

const PATIENCE = 20_000; // ms of silence: the server's heartbeats come more often

export async function ask(url, { json, ...options } = {}, run) {
  if (json !== undefined) Object.assign(options, asJson(json));
  const patience = watch(run);
  try {
    run.wire.sent();
    const response = await fetch(run.tapped(url), { ...options, signal: run.signal });
    run.wire.head(response.status);
    if (!response.ok) throw new Refused(await complaint(response));
    return response;
  } catch (error) {
    throw reason(error, run, () => new Refused("nobody answers there"));
  } finally {
    patience.end();
  }
}

// A request whose answer is short: no stream, so nothing to stop or to watch.
export async function post(url, json) {
  const response = await fetch(url, { method: "POST", ...asJson(json) }).catch(() => {
    throw new Refused("nobody answers there");
  });
  if (!response.ok) throw new Refused(await complaint(response));
  return response;
}

const asJson = (json) => ({
  body: JSON.stringify(json),
  headers: { "Content-Type": "application/json" },
});

// The chunks of a body, each as soon as the browser hands it over. Leaving the loop early closes
// the connection, which is how the server learns that nobody reads any more.
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
    throw reason(error, run, () => new Cut(`the connection broke after ${size} bytes`));
  } finally {
    patience.end();
    reader.cancel().catch(() => {}); // of a stream that has failed there is nothing to cancel
  }
}

// A deadline for silence, not for the whole: a stream may take all day if it keeps talking.
export function watch(run, ms = PATIENCE) {
  let timer;
  const late = () => run.abort(new Late(`nothing came for ${ms / 1000} seconds`));
  const patience = {
    begin: () => (timer = setTimeout(late, ms)),
    end: () => clearTimeout(timer),
  };
  patience.begin();
  return patience;
}

// What fetch rejects with says little: "network error" or "aborted". We know more.
function reason(error, run, failure) {
  if (run.signal.aborted) return run.signal.reason;
  return error instanceof TypeError ? failure() : error;
}

// Errors are problem documents here (RFC 9457); a proxy on the way may answer with anything.
export async function complaint(response) {
  const problem = await response.json().catch(() => ({}));
  return `${response.status} ${problem.detail ?? problem.title ?? response.statusText}`.trim();
}
