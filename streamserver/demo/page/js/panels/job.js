// A long job: begun by one request, followed by another. The page only remembers which it is, so
// after a reload it goes on where the job is.

import { Failed, Refused } from "../ends.js";
import { listen } from "../events.js";
import { plural } from "../format.js";
import { Panel } from "../panel.js";
import { complaint, post } from "../reading.js";

const KEY = "streamserver.job";
let current = null;

const panel = new Panel("job", begin, async (run) => {
  try {
    if (current) await fetch(current, { method: "DELETE" }); // the job's own stream tells its end
  } catch {
    run.say("Not cancelled: nobody answers there.");
  }
});

async function begin(run, form) {
  const number = (name) => form.elements[name].valueAsNumber;
  const job = { steps: number("steps"), interval: number("interval") };
  if (form.elements.fail_at.value) job.fail_at = number("fail_at");
  const response = await post("/api/jobs", job);
  const location = response.headers.get("location");
  sessionStorage.setItem(KEY, location);
  return follow(run, location);
}

async function follow(run, location) {
  const bar = panel.section.querySelector("progress");
  current = location;
  let job;
  try {
    await listen(`${location}/events`, run, {
      opened: () => run.say("The job is running …"),
      again: () => run.say("Cut: the EventSource comes back by itself …"),
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
  sessionStorage.removeItem(KEY);
  if (job.error) throw new Failed(job.error); // by itself, or with its worker
  return job.state === "done" ? `Done: ${plural(job.steps, "step")}.` : "The job was cancelled.";
}

// An EventSource does not say why it was refused; the job itself can be asked.
async function explained(error, location) {
  if (!(error instanceof Refused)) return error;
  sessionStorage.removeItem(KEY);
  const response = await fetch(location).catch(() => null);
  return response && !response.ok ? new Refused(await complaint(response)) : error;
}

const remembered = sessionStorage.getItem(KEY);
if (remembered) panel.start((run) => follow(run, remembered));
