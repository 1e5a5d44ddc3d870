// Reads a stream with an EventSource, which sends GET only and reconnects by itself.

import { Cut, Refused } from "./ends.js";

export const RECONNECTING = "Cut: the EventSource reconnects …";

// Read until `take` returns true for a message. `others` has a listener for each other type of event.
// `again` is called when the connection is lost and the EventSource reconnects. If the EventSource
// stops reconnecting, `over` returns whether the stream is complete. `make` creates the EventSource.
export function listen(url, run, { take, opened = () => {}, again = () => {}, over = () => false, others = {}, make = tapped }) {
  return new Promise((resolve, reject) => {
    run.wire.unit = "event"; // the EventSource hides frames and heartbeats
    run.wire.sent();
    const source = make(url, run);
    const settle = (how, value) => {
      source.close();
      how(value);
    };
    run.signal.addEventListener("abort", () => settle(reject, run.signal.reason));
    source.onopen = () => {
      run.wire.head(200);
      run.wire.back();
      opened(source);
    };
    source.onmessage = (event) => {
      run.wire.chunk(event.data);
      if (take(event)) settle(resolve);
    };
    // An EventSource reports no reason, only whether it reconnects.
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) {
        run.wire.lost();
        return again();
      }
      if (over()) {
        run.wire.wasComplete();
        return settle(resolve);
      }
      const Kind = run.wire.headAt === null ? Refused : Cut;
      settle(reject, new Kind("the EventSource stopped and reports no reason"));
    };
    for (const [type, listener] of Object.entries(others)) source.addEventListener(type, listener);
  });
}

const tapped = (url, run) => new EventSource(run.tapped(url));
