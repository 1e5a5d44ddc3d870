// Parses server-sent events from the response to a POST (WHATWG HTML, section 9.2.6). EventSource
// has its own parser, but can only send GET.

export class EventParser {
  #rest = "";
  #data = [];
  #id = "";

  // The data and the last id of each event that is now complete. `id` is that of an earlier event
  // if the event has none.
  *feed(text) {
    this.#rest += text;
    // A CR at the end can be the first half of a CRLF: keep it until the next text arrives.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length) yield { data: this.#data.join("\n"), id: this.#id };
        this.#data = [];
      } else if (line.startsWith("data:")) {
        this.#data.push(valueOf(line));
      } else if (line.startsWith("id:")) {
        this.#id = valueOf(line);
      }
    }
  }
}

const valueOf = (line) => line.slice(line.indexOf(":") + 1).replace(/^ /, "");
