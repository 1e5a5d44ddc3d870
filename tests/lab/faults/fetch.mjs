// Fetch a URL, and tell how that ended and how many bytes of the body came, as JSON. Once there is a
// head, give up when nothing comes for so many seconds.

const [url, seconds] = process.argv.slice(2)
const leave = new AbortController()
let size = 0
let end
let timer

function wait() {
  clearTimeout(timer)
  timer = setTimeout(() => leave.abort(new DOMException("late", "TimeoutError")), seconds * 1000)
}

try {
  const response = await fetch(url, { signal: leave.signal })
  wait()
  for await (const part of response.body) {
    size += part.length
    wait()
  }
  end = response.ok ? "ok" : String(response.status)
} catch (error) {
  end = error.cause?.code ?? error.name
}
clearTimeout(timer)
console.log(JSON.stringify([end, size]))
