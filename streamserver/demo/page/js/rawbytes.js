// Bytes made visible: CR and LF get a sign, what is no UTF-8 is shown in hexadecimal, and what
// frames a chunk is told apart from what is in it.

import { element } from "./dom.js";

const decoder = new TextDecoder("utf-8", { fatal: true });

// The nodes that show some bytes, or a text. `lines`: whether a line ends where one does.
export function visible(piece, { lines = true } = {}) {
  const nodes = [];
  for (const part of text(piece).split(/(\r\n|\r|\n)/)) {
    if (!/[\r\n]/.test(part)) {
      nodes.push(part);
      continue;
    }
    const sign = part.replace("\r", "␍").replace("\n", "␊");
    nodes.push(element("span", { class: "eol" }, sign));
    if (lines) nodes.push("\n");
  }
  return nodes;
}

function text(piece) {
  if (typeof piece === "string") return piece;
  try {
    return decoder.decode(piece);
  } catch {
    // Bytes that no text explains, or half a character: ASCII where it is, else \x..
    return Array.from(piece, (byte) => (isPlain(byte) ? String.fromCharCode(byte) : hex(byte))).join("");
  }
}

const isPlain = (byte) => (byte >= 0x20 && byte < 0x7f) || byte === 10 || byte === 13;
const hex = (byte) => `\\x${byte.toString(16).padStart(2, "0")}`;

// Cut what was written into its head, its frames (chunk sizes, and the CRLF behind each chunk)
// and its body. `Framing` remembers where in a chunk the last write ended.
export class Framing {
  #head = true;
  #chunked = false;
  #left = 0; // bytes of this chunk, its CRLF included, that are still to come

  *parts(bytes) {
    let rest = bytes;
    if (this.#head) {
      const end = indexOf(rest, "\r\n\r\n") + 4;
      this.#head = end < 4;
      const head = this.#head ? rest : rest.subarray(0, end);
      this.#chunked ||= /^transfer-encoding: *chunked/im.test(text(head));
      yield ["head", head];
      rest = this.#head ? new Uint8Array() : rest.subarray(end);
    }
    while (rest.length) {
      const size = this.#chunked && !this.#left ? indexOf(rest, "\r\n") + 2 : 0;
      if (size) {
        yield ["frame", rest.subarray(0, size)];
        this.#left = parseInt(text(rest.subarray(0, size)), 16) + 2;
        rest = rest.subarray(size);
      }
      const length = this.#chunked ? Math.min(this.#left, rest.length) : rest.length;
      const body = Math.max(Math.min(length, this.#left - 2), 0);
      yield ["body", rest.subarray(0, this.#chunked ? body : length)];
      if (this.#chunked) yield ["frame", rest.subarray(body, length)];
      this.#left -= length;
      rest = rest.subarray(length);
    }
  }
}

function indexOf(bytes, ascii) {
  const wanted = Array.from(ascii, (c) => c.charCodeAt(0));
  return bytes.findIndex((_, at) => wanted.every((byte, n) => bytes[at + n] === byte));
}
