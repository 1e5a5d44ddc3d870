// The times of one run: request sent, head, first byte, chunks, end.
//
// Memory is bounded: when there are more times of chunks than a picture can show, every second one
// is dropped, and only the last chunks are kept.

const MOMENTS = 600;
const KEPT = 100;
const HOLES = 50;

export class Timeline {
  #started = 0;
  #every = 1;
  headAt = null;
  status = null;
  unit = "byte"; // the smallest part of the body that the page can observe
  firstAt = null;
  endAt = null;
  count = 0;
  size = 0;
  moments = [];
  holes = []; // [from, to] of the times without a connection
  latest = []; // { at, size, gist, piece: bytes or text }
  gist = () => ""; // a summary of a chunk, for chunks that differ only after their beginning
  isText = true; // binary chunks are described by their gist only
  onchange = () => {};

  get now() {
    return performance.now() - this.#started;
  }

  get duration() {
    return this.endAt ?? this.now;
  }

  get piece() {
    return this.unit === "event" ? "event" : "chunk";
  }

  get isOpen() {
    return this.#started > 0 && this.endAt === null;
  }

  sent() {
    this.#started ||= performance.now();
    this.onchange();
  }

  head(status) {
    this.headAt ??= this.now;
    this.status = status;
    this.onchange();
  }

  // A chunk from fetch, or the data of an event, whose framing an EventSource hides.
  chunk(piece) {
    const at = this.now;
    const size = typeof piece === "string" ? new Blob([piece]).size : piece.length;
    this.firstAt ??= at;
    this.size += size;
    if (this.count++ % this.#every === 0) this.moments.push(at);
    if (this.moments.length > MOMENTS) {
      this.moments = this.moments.filter((_, index) => index % 2 === 0);
      this.#every *= 2;
    }
    this.latest.push({ at, size, gist: this.gist(piece), piece: this.isText ? start(piece) : "" });
    if (this.latest.length > 2 * KEPT) this.latest.splice(0, this.latest.length - KEPT);
    this.onchange();
  }

  lost() {
    if (this.holes.length < HOLES && !this.isAway) this.holes.push([this.now, null]);
    this.onchange();
  }

  back() {
    if (this.isAway) this.holes.at(-1)[1] = this.now;
    this.onchange();
  }

  get comebacks() {
    return this.holes.length - (this.isAway ? 1 : 0);
  }

  // The number of exchanges: one for each connection.
  get connections() {
    return (this.headAt === null ? 0 : 1) + this.comebacks;
  }

  // The last loss of the connection was the end of the stream.
  wasComplete() {
    this.endAt = this.holes.pop()?.[0] ?? this.now;
    this.onchange();
  }

  get isAway() {
    return this.holes.at(-1)?.[1] === null;
  }

  end() {
    this.endAt ??= this.now;
    this.onchange();
  }
}

// The page shows only the beginning of a chunk.
function start(piece) {
  return piece.slice(0, 120);
}
