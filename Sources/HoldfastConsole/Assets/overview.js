// What is going on, live: useful at three in the morning, so what is wrong comes first.

import { count, facts, h, many, note, nothing, percent, rate, span, state, table, time } from './dom.js'
import { feed } from './api.js'
import { changed, panel } from './page.js'
import { spark } from './charts.js'
import { levelOf, share, takeFigures, traffic, wordsOf } from './traffic.js'

const status = () => feed('/v1/status', 2)
const figures = () => feed('/v1/figures', 2, takeFigures)
const alerts = () => feed('/v1/alerts', 5)
const fallbacks = () => feed('/v1/fallbacks', 30)

const wanted = { text: '', troubled: false, all: false, open: new Set() }
const MOST_ROWS = 40
const MOST_CHIPS = 4

export const overview = {
  title: 'Overview', permission: 'gateways.read',
  feeds: () => [status(), figures(), alerts(), fallbacks()],
  render() {
    return [
      tiles(),
      h('div', { class: 'columns' }, alertPanel(), rolloutPanel()),
      routePanel(), gatewayPanel(), deploymentPanel(), fallbackPanel(),
    ]
  },
}

// MARK: At a glance

function tile(title, value, level, detail, picture, to) {
  return h(to ? 'a' : 'div', { class: `tile ${level}`, href: to }, h('span', { class: 'title' }, title),
    h('span', { class: 'value' }, value), picture, h('span', { class: 'detail' }, detail))
}

function tiles() {
  const known = status().value
  const isStale = status().isStale
  const total = figures().isStale || !traffic.isKnown ? null : traffic.total
  const series = traffic.series.get('') ?? { rate: [], failed: [] }
  const ready = known?.gateways.filter(gateway => isHeard(gateway) && gateway.report.ready).length
  const firing = alerts().value?.items
  const critical = firing?.filter(alert => alert.severity === 'critical').length
  const out = [...traffic.deployments.values()].filter(deployment => levelOf(deployment) !== 'ok').length
  const backup = known?.last_verified_backup_age_milliseconds
  const failed = total?.rate ? (total.failed / total.rate) * 100 : total?.rate === 0 ? null : undefined
  const unknown = ['?', 'unknown', 'not known']
  return h('section', { class: 'tiles', 'aria-label': 'At a glance' },
    tile('Exchanges/s', ...(total?.rate != null ? [rate(total.rate), 'plain', 'over all routes'] : unknown),
      spark(series.rate, { label: 'exchanges a second' })),
    tile('Without an answer', ...(failed === undefined ? unknown : failed === null
        ? ['–', 'plain', 'nothing ended lately'] : [percent(failed), failed > 1 ? 'bad' : failed > 0 ? 'warn' : 'ok',
          'of those that ended']), spark(series.failed, { label: 'percent without an answer', most: 1, bad: true })),
    tile('In flight', ...(total ? [count(total.in_flight), 'plain', 'exchanges'] : unknown)),
    tile('Gateways ready', ...(known && !isStale
        ? [`${ready} of ${known.gateways.length}`, !known.gateways.length ? 'unknown' : ready === known.gateways.length
          ? 'ok' : ready ? 'warn' : 'bad', known.gateways.length ? 'and heard of' : 'none has reported'] : unknown)),
    tile('Deployments out', ...(traffic.isKnown && !figures().isStale
        ? [count(out), out ? 'warn' : 'ok', `of ${count(traffic.deployments.size)}`] : unknown)),
    tile('Alerts', ...(firing && !alerts().isStale
        ? [count(firing.length), critical ? 'bad' : firing.length ? 'warn' : 'ok', critical ? `${critical} critical`
          : firing.length ? 'none critical' : 'nothing fires'] : unknown), null, '#/events'),
    tile('Overrides', ...(known && !isStale ? [count(known.overrides), known.overrides ? 'warn' : 'plain', 'in force']
        : unknown), null, '#/overrides'),
    tile('Verified backup', ...(!known || isStale ? unknown : known.backup_problem
        ? ['failing', 'bad', known.backup_problem] : backup == null ? ['none', 'warn', 'never restored on trial']
        : [span(backup), backup > 2 * 86_400_000 ? 'warn' : 'ok', 'old']), null, '#/backups'))
}

// As in `holdfast status` and in alerts.
const SILENT = 30_000
const isHeard = gateway => gateway.silent_for_milliseconds < SILENT

// MARK: Alerts and the roll-out

export function alertPanel() {
  return panel('Alerts', alerts(), value => value.items.length
    ? h('ul', { class: 'alerts' }, value.items.map(alert => h('li',
          { key: `${alert.kind} ${alert.subject}`, class: alert.severity },
      h('div', {}, state(alert.severity === 'critical' ? 'bad' : 'warn', alert.severity), ' ',
        h('b', {}, alert.summary)),
      h('p', {}, h('b', {}, 'Mend: '), alert.mend),
      h('p', { class: 'quiet' }, `${alert.kind} · ${alert.subject} · since `, time(alert.since), alert.gateways.length
        ? ` · said by ${alert.gateways.join(', ')}` : ''))))
    : note('ok', 'Nothing fires.'))
}

const PHASES = ['pending', 'canary', 'spreading', 'done']

export function rolloutFacts(rollout) {
  const place = PHASES.indexOf(rollout.phase)
  return [
    h('ol', { class: 'steps', 'aria-label': `Phase: ${rollout.phase}` }, rollout.phase === 'returned'
      ? h('li', { class: 'now bad' }, `returned${rollout.cause ? `: ${rollout.cause}` : ''}`)
      : PHASES.map((phase, index) => h('li', { class: index < place ? 'past' : index === place ? 'now' : '',
            'aria-current': index === place ? 'step' : null }, phase))),
    h('p', {}, rollout.detail), rollout.mend ? h('p', {}, h('b', {}, 'Mend: '), rollout.mend) : null,
    facts([
      ['Proposed', h('a', { href: `#/configuration/${rollout.proposed}` }, `generation ${rollout.proposed}`)],
      ['Good before', rollout.good ? `generation ${rollout.good}` : 'none'],
      ['First gateway', rollout.canary ?? 'not chosen'],
      ['Not there yet', rollout.not_there.length ? rollout.not_there.join(', ') : 'nobody'],
      ['By', `${rollout.author}: ${rollout.reason}`], ['In this phase since', time(rollout.changed_at)],
    ]),
  ]
}

function rolloutPanel() {
  return panel('Roll-out', status(), value => value.rollout ? rolloutFacts(value.rollout)
    : nothing('There never was one.'),
    h('a', { href: '#/configuration' }, 'Configuration'))
}

// MARK: Routes

/// The sign of a candidate: its state, whether it answers now, and what lies over it.
function chip(id, { answers, share: part } = {}) {
  const deployment = traffic.deployments.get(id)
  const level = levelOf(deployment)
  const covered = deployment?.overrides.length
  return h('span', { class: `chip ${level}${answers ? ' answers' : ''}`, key: id,
      title: `${id}: ${wordsOf(deployment)}${answers ? `; answers now (${percent(part)})` : ''}${covered ? `; covered by ${deployment.overrides.join(', ')}` : ''}` },
    h('span', { class: 'visually-hidden' }, level === 'ok' ? '' : `${wordsOf(deployment)}: `),
    id, answers ? h('span', { class: 'mark' }, ` ${Math.round(part)} %`) : null, covered
      ? h('span', { class: 'mark' }, ' override') : null)
}

const isTroubled = route => (route.failedRate ?? 0) > 0
  || route.candidates.some(id => levelOf(traffic.deployments.get(id)) !== 'ok')

function filterBar(shown, total, noun) {
  return h('div', { class: 'filters', key: 'filters' },
    h('label', {}, 'Filter ', h('input',
        { type: 'search', placeholder: `name of ${noun}`,
          on: { input: event => { wanted.text = event.target.value.toLowerCase(); changed() } } })),
    h('label', {}, h('input', { type: 'checkbox',
          on: { change: event => { wanted.troubled = event.target.checked; changed() } } }), ' only troubled'),
    h('span', { class: 'quiet', role: 'status' }, `${count(shown)} of ${many(total, noun)}`))
}

function routePanel() {
  const columns = [
    { title: 'Route' }, { title: 'Candidates, in order' }, { title: 'Exchanges/s', class: 'figure' },
    { title: 'Failed', class: 'figure' },
    { title: 'Latency p50 / p99', class: 'figure' }, { title: 'First token p50 / p99', class: 'figure' },
    { title: 'In flight', class: 'figure' },
  ]
  return panel('Routes', figures(), () => {
    if (!traffic.isKnown) return note('unknown',
      'No gateway has sent figures of late: what goes through them is not known.')
    const routes = [...traffic.routes.values()]
    const found = routes.filter(route => (!wanted.troubled || isTroubled(route))
      && (!wanted.text || route.name.toLowerCase().includes(wanted.text)
        || route.candidates.some(id => id.toLowerCase().includes(wanted.text))))
    const sorted = found.sort((one, other) => isTroubled(other) - isTroubled(one) || one.name.localeCompare(other.name))
    const shown = wanted.all ? sorted : sorted.slice(0, MOST_ROWS)
    return [
      filterBar(found.length, routes.length, 'route'),
      traffic.silent.length ? note('warn', `Not in these figures, since silent: ${traffic.silent.join(', ')}.`) : null,
      table(columns, shown.map(routeRow), { empty: 'No route is like that.', caption: 'Routes', key: 'routes' }),
      sorted.length > shown.length ? more(sorted.length - shown.length) : null,
    ]
  }, undefined, { absent: 'This management plane has no live figures, so what goes through the routes is not known here; each gateway has its own /state and /metrics.' })
}

const more = left => h('button', { type: 'button', key: 'more',
    on: { click: () => { wanted.all = true; changed() } } }, `Show ${left} more`)

function routeRow(route) {
  const sum = [...route.answerers.values()].reduce((total, value) => total + value, 0)
  const isOpen = wanted.open.has(route.name)
  // Of a long list the first, those that answer and those in trouble; the rest on demand.
  const telling = route.candidates.filter((id, place) => place === 0 || route.answerers.has(id)
    || levelOf(traffic.deployments.get(id)) !== 'ok')
  const shown = isOpen || route.candidates.length <= MOST_CHIPS ? route.candidates
    : route.candidates.filter((id, place) => telling.indexOf(id) >= 0 ? telling.indexOf(id) < MOST_CHIPS
    : place < MOST_CHIPS - telling.length)
  const series = traffic.series.get(route.name) ?? { rate: [], failed: [] }
  const failed = share(route)
  return {
    key: route.name, class: isTroubled(route) ? 'troubled' : '',
    cells: [
      [h('b', {}, route.name), route.differs ? h('small', { class: 'quiet' }, ' gateways differ') : null,
        sum || route.rate == null ? null : h('small', { class: 'quiet' }, ' nobody answered lately')],
      h('div', { class: 'chips' }, shown.map(id => chip(id,
            { answers: route.answerers.has(id), share: (route.answerers.get(id) / sum) * 100 })),
        route.candidates.length > MOST_CHIPS
        ? h('button', { type: 'button', class: 'chip more', key: 'more', 'aria-expanded': String(isOpen),
            on: { click: () => { isOpen ? wanted.open.delete(route.name)
                : wanted.open.add(route.name); changed() } } }, isOpen ? 'fewer'
          : `+${route.candidates.length - shown.length}`) : null),
      [spark(series.rate, { label: `${route.name}, exchanges a second` }),
        h('span', { class: 'number' }, rate(route.rate))],
      [spark(series.failed, { label: `${route.name}, percent failed`, most: 1, bad: true }),
        h('span', { class: failed > 0 ? 'number bad' : 'number' }, route.rate == null ? '?' : percent(failed))],
      `${span(route.median_milliseconds)} / ${span(route.p99_milliseconds)}`,
      `${span(route.median_first_token_milliseconds)} / ${span(route.p99_first_token_milliseconds)}`,
      count(route.in_flight),
    ],
  }
}

// MARK: Gateways

function gatewayPanel() {
  const columns = [{ title: 'Gateway' }, { title: 'State' }, { title: 'Generation' }, { title: 'From' },
    { title: 'Heard', class: 'figure' }, { title: 'In flight', class: 'figure' },
    { title: 'Failed / ended', class: 'figure' }, { title: 'Sheds' }, { title: 'Version' }]
  return panel('Gateways', status(), value => table(columns, value.gateways.map(gateway => {
    const { report } = gateway
    const heard = isHeard(gateway)
    return {
      key: gateway.id, class: heard ? '' : 'old',
      cells: [
        h('b', {}, gateway.id),
        !heard ? state('unknown', 'silent', 'What follows is what it said last.') : report.ready ? state('ok', 'ready')
          : state('bad', 'not ready'),
        [report.generation === gateway.target ? state('ok', `${report.generation} in force`)
          : state('warn', `${report.generation} in force, ${gateway.target} desired`),
          report.refused ? h('div', { class: 'bad' }, `refused: ${report.refused}`) : null],
        report.source, `${span(gateway.silent_for_milliseconds)} ago`, count(report.exchanges_in_flight),
        `${count(report.failures)} / ${count(report.exchanges)}`, report.shedding === 'none' ? 'nothing'
          : state('warn', report.shedding), report.version,
      ],
    }
  }), { empty: 'No gateway has reported since this management plane started.', caption: 'Gateways' }))
}

// MARK: Deployments

/// Grouped, so that five hundred are a screen and not a scroll.
function deploymentPanel() {
  const columns = [{ title: 'Deployment' }, { title: 'State' }, { title: 'Warmth' },
    { title: 'First token', class: 'figure' }, { title: 'In flight', class: 'figure' },
    { title: 'Waiting', class: 'figure' }, { title: 'Failed / tries', class: 'figure' }, { title: 'Covered by' }]
  const row = deployment => ({
    key: deployment.id,
    cells: [deployment.id, state(levelOf(deployment), wordsOf(deployment)), deployment.warmth,
      span(deployment.median_first_token_milliseconds), count(deployment.in_flight), count(deployment.waiting),
      `${count(deployment.failures)} / ${count(deployment.attempts)}`,
      [deployment.overrides.map(id => h('a', { href: '#/overrides' }, id)), deployment.retires
        ? state('warn', `retires ${deployment.retires}`) : null]],
  })
  return panel('Deployments', figures(), () => {
    if (!traffic.isKnown) return troubles()
    const found = [...traffic.deployments.values()].filter(deployment => (!wanted.troubled
        || levelOf(deployment) !== 'ok') && (!wanted.text || deployment.id.toLowerCase().includes(wanted.text)))
    const groups = Map.groupBy(found,
      deployment => `${deployment.vendor}${deployment.owned ? ', owned' : ''}${deployment.jurisdiction ? `, ${deployment.jurisdiction}` : ''}`)
    const weight = group => group.filter(deployment => levelOf(deployment) !== 'ok').length
    const sorted = [...groups].sort((one, other) => weight(other[1]) - weight(one[1]) || one[0].localeCompare(other[0]))
    return sorted.length ? sorted.map(([name, group]) => {
      const out = weight(group)
      const ordered = group.sort((one, other) => (levelOf(other) !== 'ok') - (levelOf(one) !== 'ok')
        || one.id.localeCompare(other.id))
      return h('details', { key: name, class: 'group', open: out > 0 && out < 40 || found.length <= 20 },
        h('summary', {}, h('b', {}, name), ` ${many(group.length, 'deployment')} `, out
          ? state('warn', `${out} troubled`) : state('ok', 'all closed'),
          h('span', { class: 'quiet' }, ` ${count(group.reduce((sum, one) => sum + one.in_flight, 0))} in flight`)),
        table(columns, ordered.map(row), { caption: name, class: 'fixed' }))
    }) : nothing('No deployment is like that.')
  }, undefined, { absent: 'Without live figures only what gateways report as troubled is known; see their alerts.' })
}

function troubles() {
  const found = (status().value?.gateways ?? []).flatMap(gateway => (gateway.report.troubles
      ?? []).map(trouble => ({ ...trouble, gateway: gateway.id })))
  return table([{ title: 'Deployment or provider' }, { title: 'State' }, { title: 'Gateway' }], found.map(trouble => ({
    key: `${trouble.gateway} ${trouble.subject}`,
    cells: [trouble.subject, state('warn',
        [trouble.breaker && `breaker ${trouble.breaker}`,
          trouble.suspension && `suspended: ${trouble.suspension}`].filter(Boolean).join(', ')), trouble.gateway],
  })), { empty: 'No gateway reports a trouble.', caption: 'Troubles' })
}

// MARK: Fallbacks

const LEVELS = { tested: 'ok', outdated: 'warn', untested: 'unknown', failed: 'bad' }
const ORDER = ['failed', 'untested', 'outdated', 'tested']

/// An untested fallback is not a fallback, and so it is said wherever one shows.
export const fallbackState = fallback => state(LEVELS[fallback.state] ?? 'unknown', fallback.state,
  fallback.changes.join('; '))

function fallbackPanel() {
  return panel('Fallbacks', fallbacks(), ({ items }) => {
    const sums = Object.entries(Object.groupBy(items, fallback => fallback.state)).sort((one,
        other) => ORDER.indexOf(one[0]) - ORDER.indexOf(other[0]))
    const poor = items.filter(fallback => fallback.state !== 'tested').sort((one,
        other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state)).slice(0, 8)
    return items.length ? [
      h('p', { class: 'chips' }, sums.map(([name, group]) => state(LEVELS[name], `${group.length} ${name}`))),
      poor.length ? h('ul', { class: 'plain' }, poor.map(fallback => h('li',
            { key: `${fallback.route} ${fallback.deployment}` }, fallbackState(fallback),
            ` ${fallback.deployment} for `, h('b', {}, fallback.route), fallback.changes.length
            ? h('span', { class: 'quiet' }, `: ${fallback.changes[0]}`) : null))) : null,
    ] : nothing('No route has a second candidate.')
  }, h('a', { href: '#/drills/fallbacks' }, 'All of them'),
    { absent: 'This management plane keeps no record of fallbacks: every one of them is untested.' })
}
