// node's http module as a relay, as its manual writes one: a request that pipes into the response.
"use strict";

const http = require("node:http");

const origin = { host: "127.0.0.1", port: Number(process.env.UPSTREAM) };
const agent = new http.Agent({ keepAlive: true, maxFreeSockets: Infinity });

function relayed({ connection, "keep-alive": _, "transfer-encoding": __, host, ...fields }) {
  return fields;
}

const server = http.createServer((request, response) => {
  const { method, url: path } = request;
  const headers = relayed(request.headers);
  const asked = http.request({ ...origin, agent, method, path, headers });
  asked.on("response", (answer) => {
    response.writeHead(answer.statusCode, relayed(answer.headers));
    answer.pipe(response);
  });
  response.on("close", () => asked.destroy());
  asked.on("error", () => response.destroy());
  asked.end();
});
server.listen(Number(process.argv[2]), "127.0.0.1");
