// Notifications: an EventSource that loses its connection, comes back, and misses nothing.

import { element } from "../dom.js";
import { listen } from "../events.js";
import { Panel } from "../panel.js";
import { post } from "../reading.js";

const SHOWN = 50;
const CLIENT = crypto.getRandomValues(new Uint32Array(2)).join("-"); // whom to cut
const missed = new Set(); // ids of what we published while we were cut off
let isBack = true; // whether the connection has come back since it was cut

const panel = new Panel("notifications", async (run) => {
  await listen(`/api/notifications?client=${CLIENT}`, run, {
    opened() {
      isBack = true;
      run.say("Listening …");
    },
    take(event) {
      const { text, level } = JSON.parse(event.data);
      add(level, text, missed.delete(event.lastEventId) && isBack);
    },
    again: () => run.say("Cut: the EventSource comes back by itself in a second …"),
    others: {
      gap(event) {
        const { first } = JSON.parse(event.data);
        add("gap", `What came before ${first} is no longer kept.`, false);
      },
    },
  });
});

function add(level, text, replayed) {
  const item = element("li", {}, element("span", { class: `level ${level}` }, level), text);
  if (replayed) item.append(element("span", { class: "replayed" }, "replayed"));
  panel.output.append(item);
  while (panel.output.children.length > SHOWN) panel.output.firstChild.remove();
  const log = panel.output.parentElement;
  log.scrollTop = log.scrollHeight;
}

async function publish(text, level) {
  const { id } = await (await post("/api/notifications", { text, level })).json();
  if (!isBack) missed.add(id);
}

async function cut(more) {
  isBack = panel.section.dataset.state !== "busy"; // who does not listen cannot be cut
  await post("/api/notifications/cut", { client: CLIENT });
  for (let n = 1; n <= more; n++) await publish(`While you were away: ${n} of ${more}`, "info");
}

// What cannot be published or cut is told in the same list: the stream itself may be all right.
function told(work) {
  work.catch((error) => add("error", `Not done: ${error.message}`, false));
}

const form = panel.section.querySelector("[data-publish]");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  told(publish(form.elements.text.value, form.elements.level.value));
});
for (const button of form.querySelectorAll("[data-cut]")) {
  button.addEventListener("click", () => told(cut(Number(button.dataset.cut))));
}
