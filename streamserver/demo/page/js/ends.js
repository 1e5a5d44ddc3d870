// The ways in which a stream can end other than complete.

export class Refused extends Error {
  // The server answered with an error, whose `status` this has, or did not answer.
  name = "Refused";

  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

export class Cut extends Error {
  // The connection closed before the end of the stream.
  name = "Cut";
}

export class Late extends Error {
  // No data arrived for too long: a slow producer cannot be distinguished from a dead one.
  name = "Late";
}

export class Failed extends Error {
  // The stream is complete and reports a failure.
  name = "Failed";
}

export class Stopped extends Error {
  // The user stopped the stream.
  name = "Stopped";
}
