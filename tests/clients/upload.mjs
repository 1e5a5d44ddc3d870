// Send standard input to a URL as a stream, and tell the answer, which is JSON.

const [url] = process.argv.slice(2)
const response = await fetch(url, { method: "PUT", body: process.stdin, duplex: "half" })
console.log(await response.text())
