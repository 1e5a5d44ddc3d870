// Notifications: an EventSource that loses its connection, reconnects, and receives every event. All
// tabs share one connection.

import { element } from "../dom.js";
import { listen, RECONNECTING } from "../events.js";
import { Panel } from "../panel.js";
import { post } from "../reading.js";
import { SharedEventSource } from "../sharedevents.js";

const SHOWN = 50;
const missed = new Set(); // ids of what this page published while it was disconnected
let client = ""; // identifies the connection to cut
let isBack = true; // whether the EventSource has reconnected since the cut

const panel = new Panel("notifications", async (run) => {
  await listen("/api/notifications?announce=position", run, {
    // The connection has one name and one recording, whichever tab it is in.
    make: (url) => new SharedEventSource(url, { query: { client: run.token, wire: run.token } }),
    opened(source) {
      isBack = true;
      client = run.token = source.query.wire;
      run.say(source.isLeader ? "Listening …" : "Listening over the connection of another tab …");
    },
    take(event) {
      const { text, level } = JSON.parse(event.data);
      add(level, text, missed.delete(event.lastEventId) && isBack);
    },
    again: () => run.say(RECONNECTING),
    others: {
      gap(event) {
        const { first } = JSON.parse(event.data);
        add("gap", `Notifications before ${first} are no longer stored.`, false);
      },
    },
  });
});

function add(level, text, replayed) {
  const shown = element("span", {}, text, " ");
  if (replayed) shown.append(element("span", { class: "replayed" }, "replayed"));
  panel.output.append(element("li", {}, element("span", { class: `level ${level}` }, level), shown));
  while (panel.output.children.length > SHOWN) panel.output.firstChild.remove();
  const log = panel.output.parentElement;
  log.scrollTop = log.scrollHeight;
}

async function publish(text, level) {
  const { id } = await (await post("/api/notifications", { text, level })).json();
  if (!isBack) missed.add(id);
}

async function cut(more) {
  isBack = panel.section.dataset.state !== "busy" || !client; // without a connection there is nothing to cut
  if (!isBack) await post("/api/notifications/cut", { client });
  for (let n = 1; n <= more; n++) await publish(`While disconnected: ${n} of ${more}`, "info");
}

// Failures of publishing and cutting appear in the list: they do not affect the stream.
function reportFailure(work) {
  work.catch((error) => add("error", `Not done: ${error.message}`, false));
}

const form = panel.section.querySelector("[data-publish]");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  reportFailure(publish(form.elements.text.value, form.elements.level.value));
});
for (const button of form.querySelectorAll("[data-cut]")) {
  button.addEventListener("click", () => reportFailure(cut(Number(button.dataset.cut))));
}
