// Bytes as text: CR and LF are marked, bytes that are not UTF-8 are shown in hexadecimal, and the
// framing of chunks is separated from their content.

import { element } from "./dom.js";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// The nodes that show bytes or a text. `lines`: whether each line end also starts a new line;
// `words`: whether words with hyphens, such as field names, must not wrap.
export function visible(piece, { lines = true, words = false } = {}) {
  const nodes = [];
  for (const part of text(piece).split(/(\r\n|\r|\n)/)) {
    if (!/[\r\n]/.test(part)) {
      nodes.push(...(words ? unsplit(part) : [part]));
      continue;
    }
    const mark = part.replace("\r", "CR").replace("\n", "LF"); // few fonts have ␍ and ␊
    nodes.push(element("span", { class: "eol" }, mark));
    if (lines) nodes.push("\n");
  }
  return nodes;
}

const unsplit = (line) =>
  line.split(/(\w+(?:-\w+)+)/).map((part, n) => (n % 2 ? element("span", { class: "word" }, part) : part));

function text(piece) {
  const read = typeof piece === "string" ? piece : decoded(piece);
  return read.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g, (sign) => hex(sign.charCodeAt(0)));
}

// A cut can leave an incomplete character at either end: its bytes are shown in hexadecimal.
function decoded(bytes) {
  let read = "";
  for (let at = 0, length; at < bytes.length; at += length) {
    length = sequenceLength(bytes[at]);
    try {
      read += decoder.decode(bytes.subarray(at, at + length));
    } catch {
      read += hex(bytes[at]);
      length = 1;
    }
  }
  return read;
}

// The length of a character from its first byte (RFC 3629, section 3).
const sequenceLength = (first) => 1 + (first >= 0xc0) + (first >= 0xe0) + (first >= 0xf0);
const hex = (byte) => `\\x${byte.toString(16).padStart(2, "0")}`;

// Bytes that are no text, though some of them could be read as such.
export const inHex = (bytes) => Array.from(bytes, hex).join("");

// Splits writes into head, frames (chunk sizes and the CRLF after each chunk) and body. It keeps the
// position within a chunk from one write to the next. `coding` is the Content-Encoding, if any.
export class Framing {
  coding = "";
  #head = true;
  #chunked = false;
  #left = 0; // remaining bytes of this chunk, including its CRLF

  *parts(bytes) {
    let rest = bytes;
    if (this.#head) {
      const end = indexOf(rest, "\r\n\r\n") + 4;
      this.#head = end < 4;
      const head = this.#head ? rest : rest.subarray(0, end);
      this.#chunked ||= /^transfer-encoding: *chunked/im.test(text(head));
      this.coding ||= /^content-encoding: *([\w-]+)/im.exec(text(head))?.[1] ?? "";
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
