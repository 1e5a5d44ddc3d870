// The official client of OpenAI, and the AI SDK with its default interface, which is that of
// responses. Each function gets {baseURL, headers}, and returns what the client makes of an answer.

const { OpenAI } = require("openai")
const { createOpenAI } = require("@ai-sdk/openai")
const { Output, embedMany, generateText, jsonSchema, stepCountIs, streamText, tool } = require("ai")

const MODEL = "gpt-5"
const INPUT = "Grüße"
const CITY = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
}
const FUNCTION = { type: "function", name: "weather", parameters: CITY, strict: true }
const TOOLS = {
  weather: tool({ inputSchema: jsonSchema(CITY), execute: async ({ city }) => `rain in ${city}` }),
}

const client = ({ baseURL, headers }) =>
  new OpenAI({ baseURL, apiKey: "any", maxRetries: 0, logLevel: "off", defaultHeaders: headers })
const provider = ({ baseURL, headers }) => createOpenAI({ baseURL, apiKey: "any", headers })
const asked = (at, more) => ({ model: provider(at)(MODEL), prompt: INPUT, maxRetries: 0, ...more })

const count = (counts, name) => (counts[name] = (counts[name] ?? 0) + 1)

module.exports = {
  async response(at) {
    const response = await client(at).responses.create({ model: MODEL, input: INPUT })
    return { text: response.output_text, status: response.status }
  },

  async call(at) {
    const types = {}
    const stream = client(at).responses.stream({ model: MODEL, input: INPUT, tools: [FUNCTION] })
    stream.on("event", ({ type }) => count(types, type))
    const { output } = await stream.finalResponse()
    return { types, name: output[0].name, city: typeof JSON.parse(output[0].arguments).city }
  },

  async failed(at) {
    const types = {}
    const asked = { model: MODEL, input: INPUT, stream: true }
    for await (const { type } of await client(at).responses.create(asked)) count(types, type)
    return types
  },

  async embeddings(at) {
    const { data, usage } = await client(at).embeddings.create({ model: MODEL, input: ["a", "b"] })
    return { lengths: data.map(({ embedding }) => embedding.length), tokens: usage.total_tokens }
  },

  async generateText(at) {
    const { text, finishReason, usage } = await generateText(asked(at))
    return { text, finishReason, tokens: usage.outputTokens }
  },

  async streamText(at) {
    const kinds = {}
    const result = streamText(asked(at))
    for await (const { type } of result.fullStream) count(kinds, type)
    return { kinds, text: await result.text, finishReason: await result.finishReason }
  },

  async reasoning(at) {
    const openai = { reasoningEffort: "high", reasoningSummary: "auto" }
    const result = await generateText(asked(at, { providerOptions: { openai } }))
    const { reasoningTokens, textTokens } = result.usage.outputTokenDetails
    return { reasoning: result.reasoningText, reasoningTokens, textTokens }
  },

  async agent(at) {
    const result = streamText(asked(at, { tools: TOOLS, stopWhen: stepCountIs(5) }))
    const steps = await result.steps
    return steps.map(({ finishReason, toolResults }) => [finishReason, toolResults.length])
  },

  async object(at) {
    const output = Output.object({ schema: jsonSchema(CITY) })
    return (await generateText(asked(at, { output }))).output
  },

  async brokenText(at) {
    const errors = []
    const result = streamText(asked(at, { onError: ({ error }) => errors.push(error.message) }))
    await result.consumeStream()
    return { errors, finishReason: await result.finishReason }
  },

  async embedMany(at) {
    const model = provider(at).textEmbeddingModel(MODEL)
    const { embeddings, usage } = await embedMany({ model, values: ["a", "b"] })
    return { lengths: embeddings.map((embedding) => embedding.length), tokens: usage.tokens }
  },
}
