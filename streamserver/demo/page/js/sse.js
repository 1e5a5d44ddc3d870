// Server-sent events out of a text stream, for those that come as the answer to a POST
// (WHATWG HTML, section 9.2.6). EventSource does this by itself, but only ever sends a GET.

export class EventParser {
  #rest = "";
  #data = [];

  // The data of each event that is complete now.
  *feed(text) {
    this.#rest += text;
    // A CR at the very end may be half of a CRLF: it waits for what follows.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length) yield this.#data.join("\n");
        this.#data = [];
      } else if (line.startsWith("data:")) {
        this.#data.push(line.slice(5).replace(/^ /, ""));
      }
    }
  }
}
