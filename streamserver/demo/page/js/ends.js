// The ways in which a stream may end other than well. Each says what happened, not what to feel.

export class Refused extends Error {
  // The server answered, but with an error; or nobody answered at all.
  name = "Refused";
}

export class Cut extends Error {
  // The connection was gone before the stream's proper end.
  name = "Cut";
}

export class Late extends Error {
  // Nothing came for too long: nothing tells a slow producer from a dead one.
  name = "Late";
}

export class Failed extends Error {
  // All is well with the stream; what it tells of is not.
  name = "Failed";
}

export class Stopped extends Error {
  // Whoever reads has had enough.
  name = "Stopped";
}
