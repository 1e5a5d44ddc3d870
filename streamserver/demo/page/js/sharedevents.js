// SharedEventSource: one connection for all tabs, with the interface of an EventSource.
//
//   const source = new SharedEventSource("/api/notifications");
//   source.onmessage = ({ data, lastEventId }) => show(JSON.parse(data));
//
// A browser opens at most six connections to an HTTP/1.1 host, for all its tabs together, and an
// EventSource occupies one. So the seventh tab waits, and no error is reported. Here one tab, the
// leader, has an EventSource and sends each event to the others over a BroadcastChannel.
//
// - The leader is the tab that holds a Web Lock. When it closes, crashes or is frozen, the browser
//   grants the lock to the next tab, which becomes the leader.
// - A new leader asks the server for the events after the last one that the tabs received. An
//   EventSource cannot set Last-Event-ID on its first request, so the id is in the query parameter
//   `last-event-id`. The server must accept it there, and give precedence to the field.
// - An event is sent with its own id and the id before it. So a tab drops an event that it has
//   already, and detects that it lacks one. It reads what it lacks over an EventSource of its own,
//   which it closes when it has reached the leader. A tab that was frozen, or in the back/forward
//   cache, returns in the same way.
// - A tab that has received no event has no id to resume from, unless the server sends the position
//   where a stream begins, as the id of an event of the type `position`.
//
// Without Web Locks, which need a secure context, each tab has a connection. Events without an id
// are passed on, but cannot be resumed. An id must never be used twice, not even after a restart of
// the server: an event with a known id is dropped.

const POSITION = "position";
const PARAMETER = "last-event-id";
const KEPT = 1000; // ids of events, to recognize those that are repeated

export class SharedEventSource extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSED = 2;
  CONNECTING = 0; // an EventSource has these twice
  OPEN = 1;
  CLOSED = 2;
  onopen = null;
  onmessage = null;
  onerror = null;
  readyState = SharedEventSource.CONNECTING; // of the shared connection
  #name; // of the lock and the channel
  #types = new Set(["message", POSITION]); // of events that any tab listens to
  #position = ""; // id of the last event that this tab has
  #received = new Set(); // the last ids that this tab has
  #reached = ""; // id of the last event that the leader has, as far as this tab knows
  #life = new AbortController(); // until close
  #membership = null; // an AbortController, while this tab competes for the lock or has it
  #channel = null;
  #source = null; // the shared connection, if this tab is the leader
  #replay = null; // the connection for what this tab lacks

  // `query`: parameters that only the connection has, not its name; later leaders keep those of the
  // first. `lastEventId`: begin after this event, not where the leader is. SyntaxError or TypeError
  // for an invalid URL.
  constructor(url, { withCredentials = false, query = {}, lastEventId = "" } = {}) {
    super();
    this.url = new URL(url, document.baseURI).href;
    this.withCredentials = withCredentials;
    this.query = query;
    this.#name = `SharedEventSource ${withCredentials} ${this.url}`;
    this.#advance(lastEventId);
    for (const type of ["open", "message", "error"]) {
      super.addEventListener(type, (event) => this[`on${type}`]?.(event));
    }
    // A page that is frozen or in the back/forward cache would keep the lock and send nothing.
    const { signal } = this.#life;
    document.addEventListener("freeze", () => this.#leave(), { signal });
    document.addEventListener("resume", () => this.#join(), { signal });
    window.addEventListener("pagehide", () => this.#leave(), { signal });
    window.addEventListener("pageshow", () => this.#join(), { signal });
    this.#join();
  }

  // Whether this tab has the shared connection.
  get isLeader() {
    return this.#source !== null;
  }

  addEventListener(type, ...rest) {
    super.addEventListener(type, ...rest);
    if (type === "open" || type === "error" || this.#types.has(type)) return;
    this.#listen(type);
    this.#post({ kind: "types", types: [type] });
  }

  close() {
    this.readyState = SharedEventSource.CLOSED;
    this.#life.abort();
    this.#leave();
  }

  #join() {
    if (this.#membership || this.#life.signal.aborted) return;
    const { signal } = (this.#membership = new AbortController());
    if (!navigator.locks || !window.BroadcastChannel) {
      this.#connect();
      return;
    }
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#receive(data);
    this.#post({ kind: "join", types: [...this.#types] });
    navigator.locks
      .request(this.#name, { signal }, () => this.#lead(signal))
      .catch(() => signal.aborted || this.#connect()); // a sandboxed frame may not use locks
  }

  #leave() {
    this.#membership?.abort(); // releases the lock, or withdraws the request for it
    for (const open of [this.#source, this.#replay, this.#channel]) open?.close();
    this.#membership = this.#source = this.#replay = this.#channel = null;
  }

  // Connect, and hold the lock until this tab leaves.
  async #lead(signal) {
    if (signal.aborted) return;
    this.#connect();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  }

  #connect() {
    this.#reached ||= this.#position;
    const pass = ({ type, data, lastEventId }) => {
      const after = this.#reached;
      this.#send({ kind: "event", type, data, after, id: lastEventId || after });
    };
    this.#source = this.#open(this.#reached, this.query, pass, () => this.#report(true));
    this.#source.onopen = () => this.#report();
    this.#report();
  }

  #open(position, query, listener, interrupted = () => {}) {
    const url = new URL(this.url);
    const parameters = { ...query, ...(position && { [PARAMETER]: position }) };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    const source = new EventSource(url, { withCredentials: this.withCredentials });
    source.listener = listener; // for types that are added later
    for (const type of this.#types) source.addEventListener(type, listener);
    // A source is closed if the server has refused it, or if this page is being unloaded. So only
    // this tab fails: the next leader makes an attempt of its own.
    source.onerror = () => (source.readyState === EventSource.CLOSED ? this.#fail() : interrupted());
    return source;
  }

  #fail() {
    this.close();
    this.dispatchEvent(new Event("error"));
  }

  // Send the state of the connection to all tabs, this one included.
  #report(isError = false) {
    const { readyState } = this.#source;
    const types = [...this.#types];
    this.#send({ kind: "status", readyState, isError, reached: this.#reached, query: this.query, types });
  }

  #send(message) {
    this.#post(message);
    this.#follow(message);
  }

  #post(message) {
    this.#channel?.postMessage(message);
  }

  #receive(message) {
    for (const type of message.types ?? []) this.#listen(type);
    if (!this.isLeader) this.#follow(message); // the last messages of a former leader can be late
    else if (message.kind === "join") this.#report();
  }

  // Listen to a type of event that a tab wants.
  #listen(type) {
    if (this.#types.has(type)) return;
    this.#types.add(type);
    for (const source of [this.#source, this.#replay]) source?.addEventListener(type, source.listener);
  }

  // Act on a message of the leader, in every tab.
  #follow(message) {
    if (message.kind === "event") this.#take(message);
    if (message.kind === "status") this.#update(message);
  }

  #update({ readyState, isError, reached, query }) {
    const wasOpen = this.readyState === SharedEventSource.OPEN;
    const isOpen = readyState === SharedEventSource.OPEN;
    this.#reached = reached;
    this.query = query;
    this.readyState = readyState;
    if (this.#position === "") this.#advance(this.#reached);
    if (isOpen && !wasOpen) this.dispatchEvent(new Event("open"));
    if (isError || (wasOpen && !isOpen)) this.dispatchEvent(new Event("error"));
    if (!this.#has(this.#reached)) this.#catchUp();
  }

  #take({ type, data, after, id }) {
    this.#reached = id;
    if (this.#position === "") this.#advance(after);
    if (!this.#has(after) && !this.#has(id)) {
      this.#catchUp();
      return;
    }
    this.#endReplay();
    this.#dispatch(type, data, after, id);
  }

  // Read what this tab lacks from the server, until it has what the leader has.
  #catchUp() {
    if (this.#replay || !this.#membership) return;
    let after = this.#position;
    this.#replay = this.#open(after, {}, ({ type, data, lastEventId }) => {
      const id = lastEventId || after;
      this.#dispatch(type, data, after, id);
      after = id;
      if (this.#has(this.#reached)) this.#endReplay();
    });
  }

  #endReplay() {
    this.#replay?.close();
    this.#replay = null;
  }

  // Dispatch an event, unless this tab has it. One without an id of its own has the id before it.
  #dispatch(type, data, after, id) {
    const isRepeated = id === after ? after !== this.#position : this.#received.has(id);
    if (isRepeated) return;
    this.#advance(id);
    this.dispatchEvent(new MessageEvent(type, { data, lastEventId: id, origin: new URL(this.url).origin }));
  }

  // Whether no event up to this one is lacking. A tab without a position lacks none.
  #has(id) {
    return this.#position === "" || this.#received.has(id);
  }

  #advance(id) {
    if (!id) return;
    this.#position = id;
    this.#received.add(id);
    if (this.#received.size > KEPT) this.#received.delete(this.#received.values().next().value);
  }
}
