// Follow a URL with npm's EventSource, which comes back whenever the stream ends, until it is
// told to stop, or has as many events as it was to get. Tell the events, how often the stream was
// opened and the status that stopped it, as JSON. NODE_PATH says where the package is.

import { createRequire } from "node:module"

const { EventSource } = createRequire(import.meta.url)("eventsource")
const [url, most] = process.argv.slice(2)
const source = new EventSource(url)
const events = []
let opened = 0

source.onopen = () => (opened += 1)
const tell = (code) => console.log(JSON.stringify({ events, opened, code }))

source.onmessage = ({ data, lastEventId }) => {
  events.push({ ...JSON.parse(data), id: lastEventId })
  if (events.length === Number(most)) {
    source.close()
    tell()
  }
}
source.onerror = ({ code }) => {
  if (source.readyState === EventSource.CLOSED) tell(code)
}
