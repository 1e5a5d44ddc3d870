// A long job: one request starts it, another follows it. The page stores only the URL of the job, so
// that it can follow the job again after a reload.

import { Failed, Refused } from "../ends.js";
import { listen, RECONNECTING } from "../events.js";
import { plural } from "../format.js";
import { Panel } from "../panel.js";
import { complaint, post } from "../reading.js";
import { storage } from "../storage.js";
import { send } from "../token.js";

const KEY = "streamserver.job";
let current = null;

const panel = new Panel("job", begin, async (run) => {
  try {
    if (!current) return;
    const response = await send(current, { method: "DELETE" }); // the job's own stream reports its end
    if (response.status === 401) run.say(`Not cancelled: ${await complaint(response)}.`);
  } catch {
    run.say("Not cancelled: the server does not answer.");
  }
});

async function begin(run, form) {
  const number = (name) => form.elements[name].valueAsNumber;
  const job = { steps: number("steps"), interval: number("interval") };
  if (form.elements.fail_at.value) job.fail_at = number("fail_at");
  const response = await post("/api/jobs", job);
  const location = response.headers.get("location");
  storage.setItem(KEY, location);
  return follow(run, location);
}

async function follow(run, location) {
  const bar = panel.section.querySelector("progress");
  current = location;
  run.wire.gist = (data) => `step ${JSON.parse(data).step}`; // all states begin with the same id
  let job;
  try {
    await listen(`${location}/events`, run, {
      opened: () => run.say("The job is running …"),
      again: () => run.say(RECONNECTING),
      take(event) {
        job = JSON.parse(event.data);
        bar.max = job.steps;
        bar.value = job.step;
        panel.output.textContent = `Step ${job.step} of ${job.steps}`;
        return job.state !== "running";
      },
    });
  } catch (error) {
    throw await explained(error, location);
  }
  storage.removeItem(KEY);
  if (job.error) throw new Failed(job.error); // the job failed, or its worker did
  return job.state === "done" ? `Done: ${plural(job.steps, "step")}.` : "The job was cancelled.";
}

// An EventSource reports no reason for a refusal; a request for the job itself does.
async function explained(error, location) {
  if (!(error instanceof Refused)) return error;
  storage.removeItem(KEY);
  const response = await fetch(location).catch(() => null);
  return response && !response.ok ? new Refused(await complaint(response)) : error;
}

const remembered = storage.getItem(KEY);
if (remembered) panel.start((run) => follow(run, remembered));
