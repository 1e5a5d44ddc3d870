// The official client of OpenAI for chat completions, and the AI SDK with the same interface. Each
// function gets {baseURL, headers, prompt, schema}, and returns what the client makes of an answer.

const { OpenAI } = require("openai")
const { createOpenAI } = require("@ai-sdk/openai")
const { Output, generateText, jsonSchema, stepCountIs, streamText, tool } = require("ai")

const MODEL = "gpt-4o"
const TOOL_NAMES = ["weather", "forecast", "news"]

const completions = ({ baseURL, headers }) =>
  new OpenAI({ baseURL, apiKey: "any", maxRetries: 0, logLevel: "off", defaultHeaders: headers })
    .chat.completions
const question = ({ prompt }, more) => ({
  model: MODEL,
  messages: [{ role: "user", content: prompt }],
  ...more,
})
const functions = ({ schema }) =>
  TOOL_NAMES.map((name) => ({ type: "function", function: { name, parameters: schema } }))
const sdk = ({ baseURL, headers, prompt }, more) => ({
  model: createOpenAI({ baseURL, apiKey: "any", headers }).chat(MODEL),
  prompt,
  maxRetries: 0,
  ...more,
})

module.exports = {
  async streamed(at) {
    const options = { stream: true, stream_options: { include_usage: true } }
    const tokens = []
    let finish, usage
    for await (const chunk of await completions(at).create(question(at, options))) {
      const [choice] = chunk.choices
      if (choice?.delta.content) tokens.push(choice.delta.content)
      finish = choice?.finish_reason ?? finish
      usage = chunk.usage ?? usage
    }
    return { tokens, finish, completionTokens: usage.completion_tokens }
  },

  async whole(at) {
    const completion = await completions(at).create(question(at, { logprobs: true }))
    const [{ message, logprobs }] = completion.choices
    return { text: message.content, model: completion.model, logprobs: logprobs.content.length }
  },

  async called(at) {
    let deltas = 0
    const stream = completions(at).stream(question(at, { tools: functions(at) }))
    stream.on("tool_calls.function.arguments.delta", () => (deltas += 1))
    const [{ message, finish_reason }] = (await stream.finalChatCompletion()).choices
    const calls = message.tool_calls.map(({ function: { name, arguments: text } }) => ({
      name,
      arguments: JSON.parse(text),
    }))
    return { calls, deltas, finish: finish_reason }
  },

  async formed(at) {
    const json_schema = { name: "answer", schema: at.schema, strict: true }
    const response_format = { type: "json_schema", json_schema }
    const { choices } = await completions(at).parse(question(at, { response_format }))
    return choices[0].message.parsed
  },

  async choices(at) {
    const { choices } = await completions(at).create(question(at, { n: 3 }))
    return choices.map(({ message }) => message.content)
  },

  async refused(at) {
    const stream = completions(at).stream(question(at))
    return (await stream.finalMessage()).refusal ?? null
  },

  async sdkText(at) {
    const result = streamText(sdk(at))
    let deltas = 0
    for await (const part of result.fullStream) deltas += part.type === "text-delta"
    const tokens = (await result.usage).outputTokens
    return { text: await result.text, finish: await result.finishReason, deltas, tokens }
  },

  async sdkAgent(at) {
    const inputSchema = jsonSchema(at.schema)
    const one = () => tool({ inputSchema, execute: async ({ city }) => `rain in ${city}` })
    const tools = Object.fromEntries(TOOL_NAMES.map((name) => [name, one()]))
    const { steps } = await generateText(sdk(at, { tools, stopWhen: stepCountIs(5) }))
    return steps.map(({ finishReason, toolResults }) => [finishReason, toolResults.length])
  },

  async sdkObject(at) {
    const output = Output.object({ schema: jsonSchema(at.schema) })
    return (await generateText(sdk(at, { output }))).output
  },

  async sdkReasoning(at) {
    const model = createOpenAI({ ...at, apiKey: "any" }).chat("o3")
    const providerOptions = { openai: { reasoningEffort: "high" } }
    const { text, usage } = await generateText(sdk(at, { model, providerOptions }))
    return { text, tokens: usage.reasoningTokens }
  },

  async unserved(at) {
    await completions(at).create(question(at, { prediction: { type: "content", content: "a" } }))
  },
}
