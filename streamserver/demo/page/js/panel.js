// The parts that all panels share: a form that starts a stream, a button that stops it, a status
// line, and the view of the wire.

import { Cut, Failed, Late, Refused, Stopped } from "./ends.js";
import { bytes, plural, time } from "./format.js";
import { Run } from "./run.js";
import { WireView } from "./wire.js";

export class Panel {
  #run = null;
  #wire;
  #status;
  #stop;

  // `work(run, form, submitter)` reads the stream and returns the final status, or nothing for a
  // summary. `stop` is the action of the stop button.
  constructor(id, work, stop = (run) => run.stop()) {
    this.section = document.getElementById(id);
    this.output = this.section.querySelector("[data-output]");
    this.#status = this.section.querySelector(".status");
    this.#stop = this.section.querySelector("[data-stop]");
    this.#wire = new WireView(this.section.querySelector(".wire"));
    this.form = this.section.querySelector("form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.#run) this.start(work, event.submitter);
    });
    this.#stop.addEventListener("click", () => this.#run && stop(this.#run));
    this.#show("idle", "Ready.");
  }

  async start(work, submitter = null) {
    const run = (this.#run = new Run());
    this.#wire.show(run);
    this.#show("busy", "Waiting for the first byte …");
    run.say = (text) => this.#show("busy", text);
    try {
      const status = await work(run, this.form, submitter);
      run.wire.end();
      this.#show("done", status ?? summary(run));
    } catch (error) {
      run.wire.end();
      this.#failed(error, run);
    } finally {
      run.abort(new Stopped("complete")); // ends what the run has left open
      this.#run = null;
    }
  }

  #failed(error, run) {
    if (!KINDS.some((kind) => error instanceof kind)) {
      this.#show("failed", `Error in this page: ${error.message}`);
      throw error;
    }
    const received = run.wire.count ? `, after ${plural(run.wire.count, run.wire.piece)}` : "";
    if (error instanceof Stopped) this.#show("done", `Stopped by you${received}.`);
    else this.#show("failed", `${error.name}: ${error.message}.`);
  }

  // A disabled button stays focusable, so that the keyboard focus is not lost.
  #show(state, text) {
    this.section.dataset.state = state;
    if (this.#status.textContent !== text) this.#status.textContent = text;
    const busy = state === "busy";
    this.#stop.setAttribute("aria-disabled", String(!busy));
    for (const button of this.form.querySelectorAll("[type=submit]")) {
      button.setAttribute("aria-disabled", String(busy));
      button.dataset.label ??= button.textContent;
      button.textContent = state === "failed" && !button.value ? "Try again" : button.dataset.label;
    }
  }
}

const KINDS = [Refused, Cut, Late, Failed, Stopped];

export function summary({ wire }) {
  return `Done: ${plural(wire.count, wire.piece)}, ${bytes(wire.size)}, in ${time(wire.duration)}.`;
}
