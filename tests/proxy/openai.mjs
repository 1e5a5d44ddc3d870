// Ask for one stream after another with npm's openai, each of the interface named: "chat" or
// "responses". Tell as JSON what each brought and the error that it ended with. NODE_PATH says where
// the package is.

import { createRequire } from "node:module"

const { OpenAI } = createRequire(import.meta.url)("openai")
const [baseURL, ...interfaces] = process.argv.slice(2)
const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0, logLevel: "off" })
const options = { headers: { accept: "text/event-stream" } }
const ask = {
  chat: () =>
    client.chat.completions.create(
      { model: "m", messages: [{ role: "user", content: "?" }], stream: true },
      options,
    ),
  responses: () => client.responses.create({ model: "m", input: "?", stream: true }, options),
}
const told = []

for (const name of interfaces) {
  let events = 0
  try {
    for await (const event of await ask[name]()) events += 1
    told.push({ events })
  } catch (error) {
    const raised = error instanceof OpenAI.APIError ? "APIError" : error.constructor.name
    told.push({ events, raised, message: error.message, error: error.error })
  }
}
console.log(JSON.stringify(told))
