// Parses server-sent events from the response to a POST (WHATWG HTML, section 9.2.6). EventSource
// has its own parser, but can only send GET.

export class EventParser {
  #rest = "";
  #data = [];

  // The data of each event that is now complete.
  *feed(text) {
    this.#rest += text;
    // A CR at the end can be the first half of a CRLF: keep it until the next text arrives.
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
