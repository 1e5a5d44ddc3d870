// Calls functions of a module that uses packages of npm, in one process for all, since its start
// takes longer than most calls: node node_cases.cjs MODULE, with [[NAME, ARGUMENT], ...] as JSON on
// the standard input. Prints a list as JSON: for each call {"value"}, or {"raised"} with what the
// error has. NODE_PATH is where the packages are.

const describe = (error) => ({
  raised: error.constructor.name,
  name: error.name,
  message: error.message,
  status: error.status ?? error.statusCode,
  error: error.error ?? error.data,
})

async function main() {
  const functions = require(process.argv[2])
  const results = []
  const calls = JSON.parse(require("node:fs").readFileSync(0, "utf8"))
  for (const [name, argument] of calls) {
    try {
      results.push({ value: (await functions[name](argument)) ?? null })
    } catch (error) {
      results.push(describe(error))
    }
  }
  console.log(JSON.stringify(results))
}

main()
