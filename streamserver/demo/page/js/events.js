// Reading with an EventSource: GET only, and it reconnects by itself.

import { Cut, Refused } from "./ends.js";

// Read until `take` returns true, or the server says that there is no more. `take` is given each
// message, `others` those of other types by their names; `again` is called whenever the connection is
// lost and the EventSource comes back, `over` whether that it gave up is all right. `init` is what
// the EventSource is made with.
export function listen(url, run, { take, opened = () => {}, again = () => {}, over = () => false, others = {}, init = {} }) {
  return new Promise((resolve, reject) => {
    run.wire.unit = "event"; // its frame, and heartbeats, are for the EventSource alone
    run.wire.sent();
    const source = new EventSource(run.tapped(url), init);
    const settle = (how, value) => {
      source.close();
      how(value);
    };
    run.signal.addEventListener("abort", () => settle(reject, run.signal.reason));
    source.onopen = () => {
      run.wire.head(200);
      run.wire.back();
      opened();
    };
    source.onmessage = (event) => {
      run.wire.chunk(event.data);
      if (take(event)) settle(resolve);
    };
    // An EventSource never says what is wrong, only whether it will try again.
    source.onerror = () => {
      run.wire.lost();
      if (source.readyState !== EventSource.CLOSED) return again();
      if (over()) {
        run.wire.holes.pop(); // it was no hole, but the end
        return settle(resolve);
      }
      const Kind = run.wire.headAt === null ? Refused : Cut;
      settle(reject, new Kind("the EventSource gave up, and does not say why"));
    };
    for (const [type, hear] of Object.entries(others)) source.addEventListener(type, hear);
  });
}
