// The counter: an EventSource, which reconnects whenever its stream ends.

import { listen, RECONNECTING } from "../events.js";
import { Panel, summary } from "../panel.js";

const COMPLETE = "Complete: the EventSource reconnects and asks for more …";

const panel = new Panel("counter", async (run, form) => {
  const { count, interval } = form.elements;
  const wanted = count.valueAsNumber;
  let last = -1;
  panel.output.textContent = "0";
  await listen(`/api/counter?count=${wanted}&interval=${interval.value}`, run, {
    opened: () => run.say("Counting …"),
    take(event) {
      const { count } = JSON.parse(event.data);
      last = count;
      panel.output.textContent = count + 1;
    },
    again: () => run.say(last + 1 < wanted ? RECONNECTING : COMPLETE),
    over: () => last + 1 === wanted, // the server answered 204
  });
  return `${summary(run)} The EventSource asked for more, and the server answered 204.`;
});
