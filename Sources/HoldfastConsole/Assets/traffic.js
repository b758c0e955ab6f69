// Counters of gateways become rates, and states of several gateways one. A gateway that is silent adds nothing, and is not
// taken for one without traffic.

const KEPT = 90
/// Milliseconds: what is older says nothing about now.
const FRESH = 15_000
/// How many reports "who answers now" looks back.
const WINDOW = 5
const SEVERITY = { closed: 0, 'half-open': 1, open: 2 }

const gateways = new Map()
export const traffic = { routes: new Map(), deployments: new Map(), series: new Map(), silent: [], calls: [],
  isKnown: false }

export function takeFigures(answer) {
  const now = performance.now()
  for (const { id, silent_for_milliseconds: silent, figures_age_milliseconds: age, figures } of answer.gateways) {
    if (!figures) continue
    const at = now - (age ?? silent)
    const known = gateways.get(id) ?? { id, windows: [] }
    gateways.set(id, known)
    if (known.at != null && at - known.at < 300) continue
    if (known.figures) {
      known.rates = rates(known, figures, at)
      known.windows = [...known.windows.slice(1 - WINDOW), callsSince(known.figures, figures)]
    }
    Object.assign(known, { at, figures })
  }
  const asked = new Set(answer.gateways.map(gateway => gateway.id))
  for (const id of gateways.keys()) if (!asked.has(id)) gateways.delete(id)
  combine(now)
}

const delta = (now, before) => now >= before ? now - before : null

/// Nil where a process has begun anew in between: what it did before is lost, and not zero.
function rates(known, figures, at) {
  const seconds = (at - known.at) / 1000
  const before = new Map(known.figures.routes.map(route => [route.name, route]))
  const found = new Map()
  for (const route of figures.routes) {
    const old = before.get(route.name)
    const per = name => old && delta(route[name], old[name]) != null ? delta(route[name], old[name]) / seconds : null
    found.set(route.name, { ended: per('ended'), failed: per('failed'), failovers: per('failovers') })
  }
  return found
}

const callKey = call => `${call.workload ?? ''}\n${call.route}\n${call.deployment ?? ''}`

function callsSince(before, now) {
  const old = new Map(before.calls.map(call => [callKey(call), call.count]))
  return now.calls.map(call => ({ ...call, count: delta(call.count, old.get(callKey(call)) ?? 0)
        ?? 0 })).filter(call => call.count > 0)
}

const add = (sum, value) => value == null ? sum : (sum ?? 0) + value
const worst = (one, other) => one == null ? other : other == null ? one : Math.max(one, other)

function combine(now) {
  const fresh = [...gateways.values()].filter(gateway => gateway.figures && now - gateway.at < FRESH)
  traffic.silent = [...gateways.values()].filter(gateway => !fresh.includes(gateway)).map(gateway => gateway.id).sort()
  traffic.isKnown = fresh.length > 0
  const routes = new Map()
  const deployments = new Map()
  const calls = new Map()
  for (const gateway of fresh) {
    for (const route of gateway.figures.routes) {
      const found = routes.get(route.name) ?? { name: route.name, candidates: route.candidates, differs: false,
        in_flight: 0, ended: 0, failed: 0, answerers: new Map() }
      routes.set(route.name, found)
      found.differs ||= route.candidates.join() !== found.candidates.join()
      found.in_flight += route.in_flight
      found.ended += route.ended
      found.failed += route.failed
      // Quantiles do not add up: the slowest gateway's is shown.
      for (const name of ['median_milliseconds', 'p99_milliseconds', 'median_first_token_milliseconds',
          'p99_first_token_milliseconds']) found[name] = worst(found[name], route[name])
      const rate = gateway.rates?.get(route.name)
      found.rate = add(found.rate, rate?.ended)
      found.failedRate = add(found.failedRate, rate?.failed)
      found.failoverRate = add(found.failoverRate, rate?.failovers)
    }
    for (const deployment of gateway.figures.deployments) {
      const found = deployments.get(deployment.id)
        ?? { ...deployment, attempts: 0, failures: 0, in_flight: 0, waiting: 0, gateways: 0, troubled: 0,
        breaker: 'closed', suspension: null, overrides: [] }
      deployments.set(deployment.id, found)
      found.gateways += 1
      if (deployment.breaker !== 'closed' || deployment.suspension) found.troubled += 1
      if (SEVERITY[deployment.breaker] > SEVERITY[found.breaker]) found.breaker = deployment.breaker
      found.suspension ??= deployment.suspension
      found.overrides = [...new Set([...found.overrides, ...deployment.overrides])]
      for (const name of ['attempts', 'failures', 'in_flight', 'waiting']) found[name] += deployment[name]
      found.median_first_token_milliseconds = worst(found.median_first_token_milliseconds,
        deployment.median_first_token_milliseconds)
    }
    for (const call of gateway.windows.flat()) {
      const route = routes.get(call.route)
      if (route) route.answerers.set(call.deployment ?? null,
        (route.answerers.get(call.deployment ?? null) ?? 0) + call.count)
    }
    for (const call of gateway.figures.calls) {
      const found = calls.get(callKey(call)) ?? { ...call, count: 0 }
      calls.set(callKey(call), found)
      found.count += call.count
    }
  }
  const byName = (one, other) => one[0].localeCompare(other[0])
  traffic.routes = new Map([...routes].sort(byName))
  traffic.deployments = new Map([...deployments].sort(byName))
  traffic.calls = [...calls.values()].sort((one, other) => other.count - one.count)
  remember()
}

function remember() {
  let [all, failed] = [null, null]
  for (const route of traffic.routes.values()) {
    push(route.name, route.rate ?? null, share(route))
    all = add(all, route.rate)
    failed = add(failed, route.failedRate)
  }
  traffic.total = { rate: all, failed, in_flight: traffic.isKnown
    ? [...traffic.routes.values()].reduce((sum, route) => sum + route.in_flight, 0) : null }
  push('', all, all ? (failed / all) * 100 : all)
  for (const name of traffic.series.keys()) if (name && !traffic.routes.has(name)) traffic.series.delete(name)
}

/// Percent of what ended without an answer; nil where nothing ended, or nothing is known.
export const share = route => route.rate ? (route.failedRate / route.rate) * 100 : null

function push(name, rate, failed) {
  const series = traffic.series.get(name) ?? { rate: [], failed: [] }
  traffic.series.set(name, series)
  series.rate = [...series.rate.slice(1 - KEPT), rate]
  series.failed = [...series.failed.slice(1 - KEPT), failed]
}

/// `bad` where it is out at every gateway that reports, `warn` where at some or on its way back.
export function levelOf(deployment) {
  if (!deployment) return 'unknown'
  if (deployment.breaker === 'closed' && !deployment.suspension) return 'ok'
  const isOut = deployment.breaker === 'open' || deployment.suspension
  return isOut && deployment.troubled === deployment.gateways ? 'bad' : 'warn'
}

export function wordsOf(deployment) {
  if (!deployment) return 'unknown: no gateway reports it'
  const words = [deployment.suspension ? `suspended: ${deployment.suspension}` : null, deployment.breaker !== 'closed'
    ? `breaker ${deployment.breaker}` : null]
    .filter(Boolean).join(', ') || 'breaker closed'
  return deployment.gateways > 1 && deployment.troubled
    ? `${words} at ${deployment.troubled} of ${deployment.gateways}` : words
}
