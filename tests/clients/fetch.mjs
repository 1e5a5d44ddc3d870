// Fetch a URL as a stream and tell the status, the type and each part as JSON. With a second
// argument, leave after that many parts.

const [url, limit] = process.argv.slice(2)
const leave = new AbortController()
const response = await fetch(url, { signal: leave.signal })
const parts = []

for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
  parts.push(part)
  if (parts.length === Number(limit)) break
}
leave.abort()

const type = response.headers.get("content-type")
console.log(JSON.stringify({ status: response.status, type, parts }))
