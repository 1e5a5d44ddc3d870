// One attempt at something: its signal, its timeline, and the token by which the server records
// what it writes for it.

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

// crypto.randomUUID would be shorter, but only exists where the page came by HTTPS or localhost.
function makeToken() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
