// Follow a URL with npm's EventSource, which comes back whenever the stream ends, until it is
// told to stop. Tell the events, how often the stream was opened and the status that stopped it,
// as JSON. NODE_PATH says where the package is.

import { createRequire } from "node:module"

const { EventSource } = createRequire(import.meta.url)("eventsource")
const [url] = process.argv.slice(2)
const source = new EventSource(url)
const events = []
let opened = 0

source.onopen = () => (opened += 1)
source.onmessage = ({ data, lastEventId }) => events.push({ ...JSON.parse(data), id: lastEventId })
source.onerror = ({ code }) => {
  if (source.readyState === EventSource.CLOSED) {
    console.log(JSON.stringify({ events, opened, code }))
  }
}
