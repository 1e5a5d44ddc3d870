// Fetch a URL, and write each part of its content to standard output when it arrives. A second
// argument is the Accept-Encoding to send; without it node sends its own.

const [url, coding] = process.argv.slice(2)
const headers = coding ? { "accept-encoding": coding } : {}
const response = await fetch(url, { headers })

for await (const part of response.body) process.stdout.write(part)
