// Runs http-cache-tests through a forward proxy, or without one, and prints the results as JSON:
//
//     node driver.mjs FOLDER ORIGIN [PROXY]
//
// FOLDER is where `npm i` put http-cache-tests and undici. The package's own client knows no proxies, so its runner is
// given undici's fetch; proxyTunnel: false, because otherwise even plain http would go through CONNECT.

import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import path from 'node:path'

const [folder, origin, proxy] = process.argv.slice(2)
const load = file => import(pathToFileURL(path.join(folder, 'node_modules', file)))
const { fetch, ProxyAgent, setGlobalDispatcher } = createRequire(path.join(folder, 'x'))('undici')
const { default: suites } = await load('http-cache-tests/tests/index.mjs')
const { runTests, getResults } = await load('http-cache-tests/client/runner.mjs')

// By the Fetch standard (4.5, "no-store") fetch adds Cache-Control: no-cache to what the tests send, unless a request has
// that field already. The package keeps it from doing so with a word that means nothing, but forgets requests with
// fields of their own.
function ask (url, init = {}) {
  const named = new Set((init.headers || []).map(([name]) => name.toLowerCase()))
  const harmless = [['Cache-Control', 'nothing-to-see-here'], ['Pragma', 'foo']]
  const missing = harmless.filter(([name]) => !named.has(name.toLowerCase()))
  return fetch(url, { ...init, headers: [...(init.headers || []), ...missing] })
}

if (proxy) setGlobalDispatcher(new ProxyAgent({ uri: proxy, proxyTunnel: false }))
await runTests(suites, ask, false, origin)

const results = getResults()
const tests = suites.flatMap(suite => suite.tests.filter(test => test.id in results).map(test => ({
  id: test.id,
  suite: suite.id,
  name: test.name,
  kind: test.kind || 'required',
  depends_on: test.depends_on || [],
  result: results[test.id] === true ? '' : results[test.id].join(': ')
})))
process.stdout.write(JSON.stringify(tests), () => process.exit(0))
