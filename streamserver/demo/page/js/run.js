// One run of a panel: its signal, its timeline, and the token that names the server's recording.

import { Stopped } from "./ends.js";
import { Timeline } from "./timeline.js";

export class Run {
  #controller = new AbortController();
  token = makeToken();
  wire = new Timeline();

  get signal() {
    return this.#controller.signal;
  }

  stop() {
    this.abort(new Stopped("stopped by you"));
  }

  abort(reason) {
    this.#controller.abort(reason);
  }

  tapped(url) {
    return `${url}${url.includes("?") ? "&" : "?"}wire=${this.token}`;
  }
}

// crypto.randomUUID is shorter, but exists only in secure contexts.
function makeToken() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
