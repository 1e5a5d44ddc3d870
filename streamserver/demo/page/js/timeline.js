// What happened when, in one exchange: sent, head, first byte, chunks, end.
//
// A stream has no bound, a page must have one. So the moments of chunks are thinned out when they
// become too many for a picture to show apart, and of the chunks themselves the last are kept.

const MOMENTS = 600;
const KEPT = 100;
const HOLES = 50;

export class Timeline {
  #started = 0;
  #every = 1;
  headAt = null;
  status = null;
  unit = "byte"; // the least that can be seen of a body
  firstAt = null;
  endAt = null;
  count = 0;
  size = 0;
  moments = [];
  holes = []; // [from, to] in which a connection that came back was away
  latest = []; // { at, size, gist, piece: bytes or text }
  gist = () => ""; // what a chunk says, where its beginning does not tell
  onchange = () => {};

  get now() {
    return performance.now() - this.#started;
  }

  get duration() {
    return this.endAt ?? this.now;
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

  // A chunk as fetch hands it over, or the text of an event, whose frame nobody gets to see.
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
    this.latest.push({ at, size, gist: this.gist(piece), piece: start(piece) });
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

  // Each opened an exchange of its own.
  get connections() {
    return (this.headAt === null ? 0 : 1) + this.comebacks;
  }

  get isAway() {
    return this.holes.at(-1)?.[1] === null;
  }

  end() {
    this.endAt ??= this.now;
    this.onchange();
  }
}

// The page shows the beginning of a chunk; to keep 64 KiB for it would be a waste.
function start(piece) {
  return piece.slice(0, 120);
}
