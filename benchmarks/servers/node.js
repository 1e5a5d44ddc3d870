// node's http module, as its manual writes a streaming answer.
"use strict";

const http = require("node:http");
const { once } = require("node:events");
const { setImmediate: turn } = require("node:timers/promises");

const CHUNK = Buffer.from("data: " + "0123456789".repeat(5) + "\n\n");
const CHUNKS = 10;
const HEADERS = { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" };

const works = {
  async alone(request, response) {
    for (let n = 0; n < CHUNKS; n++) {
      response.write(CHUNK);
      await turn();
    }
    response.end();
  },
  burst(request, response) {
    for (let n = 0; n < CHUNKS; n++) response.write(CHUNK);
    response.end();
  },
  async long(request, response) {
    const count = Number(request.url.split("n=")[1]);
    for (let n = 0; n < count; n++) {
      if (!response.write(CHUNK)) await once(response, "drain");
    }
    response.end();
  },
  idle(request, response) {
    response.write(CHUNK);
  },
};

const work = works[process.env.BENCH_WORK];
const server = http.createServer((request, response) => {
  response.writeHead(200, HEADERS);
  work(request, response);
});
server.listen(Number(process.argv[2]), "127.0.0.1");
