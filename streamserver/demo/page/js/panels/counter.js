// The counter: an EventSource, which takes the end of a stream for an accident and comes back.

import { listen } from "../events.js";
import { Panel, summary } from "../panel.js";

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
    again: () => run.say(last + 1 < wanted ? "Cut: the EventSource comes back by itself …" : "At its end; the EventSource asks whether there is more …"),
    over: () => last + 1 === wanted, // 204: there is nothing to come back for
  });
  return `${summary(run)} Asked for more, the server said 204.`;
});
