// What became of single exchanges, as gateways tell of them, and who asks for what. No prompt and no answer is in any of it.

import { count, facts, h, many, note, nothing, percent, s, span, state, table, time } from './dom.js'
import { feed } from './api.js'
import { panel } from './page.js'
import { takeFigures, traffic } from './traffic.js'

const figures = () => feed('/v1/figures', 3, takeFigures)
const one = id => feed(`/v1/exchanges/${encodeURIComponent(id)}`, 30)
const looked = { route: '', workload: '', end: '', degraded: '' }

function list() {
  const query = Object.entries(looked).filter(([, value]) => value).map(([name,
        value]) => `&${name}=${encodeURIComponent(value)}`)
  return feed(`/v1/exchanges?limit=100${query.join('')}`, 3)
}

export const exchanges = {
  title: 'Exchanges', permission: ['exchanges.read', 'gateways.read'],
  feeds: ([id]) => id ? [one(id)] : [list(), figures()],
  render([id]) {
    if (id) return [h('p', { key: 'back' }, h('a', { href: '#/exchanges' }, '← All exchanges')),
      panel('Receipt', one(id), receipt, undefined, { absent: one(id).problem?.mend })]
    return [
      finder(),
      panel('The newest', list(), newest, undefined,
        { absent: 'This management plane keeps no receipts: each gateway has its own, at /state/exchanges of its operations listener.' }),
      panel('Who asks for what, and who answers', figures(), callTable, undefined,
        { absent: 'This management plane has no live figures.' }),
    ]
  },
}

function finder() {
  const find = event => {
    event.preventDefault()
    const id = event.target.querySelector('input').value.trim().toLowerCase()
    if (id) location.hash = `#/exchanges/${encodeURIComponent(id)}`
  }
  return h('form', { class: 'filters', key: 'finder', 'data-own': true, on: { submit: find } },
    h('label', {}, 'Exchange ', h('input',
        { type: 'text', size: 34, spellcheck: 'false', placeholder: 'x-request-id of an answer' })),
      h('button', { type: 'submit' }, 'Find'))
}

// MARK: The newest

const GOOD = 'answered'
const endState = view => state(view.end === GOOD ? (view.degraded ? 'warn' : 'ok') : 'bad',
  view.end.replaceAll('_', ' '))

function choice(name, label, values) {
  const choose = event => {
    looked[name] = event.target.value
    // Another list is asked for: the page says again which feeds it needs.
    dispatchEvent(new HashChangeEvent('hashchange'))
  }
  return h('label', {}, `${label} `, h('select', { 'data-own': true, on: { change: choose } },
      h('option', { value: '' }, 'all'), values.map(value => {
    const [word, text] = [value].flat()
    return h('option', { value: word, selected: looked[name] === word }, text ?? word)
  })))
}

function newest({ items, left_out: left, next }) {
  const columns = [{ title: 'Ended' }, { title: 'Exchange' }, { title: 'Workload' }, { title: 'Route' },
    { title: 'End' }, { title: 'Answered by' }, { title: 'Attempts', class: 'figure' },
    { title: 'First token', class: 'figure' }, { title: 'Took', class: 'figure' }, { title: 'Gateway' }]
  return [
    h('div', { class: 'filters', key: 'filters' }, choice('route', 'Route', [...traffic.routes.keys()]),
      choice('workload', 'Workload', [...new Set(traffic.calls.map(call => call.workload).filter(Boolean))].sort()),
      choice('end', 'End', ['answered', 'interrupted', 'client_gone', 'refused_by_provider', 'every_candidate_failed',
          'none_available', 'none_lawful', 'deadline_passed']),
        choice('degraded', 'Degraded', [['true', 'only degraded'], ['false', 'not degraded']])),
    left ? note('unknown',
      `These are some of them: gateways have counted ${many(left, 'exchange')} more, and told of none of those.`)
      : null,
    table(columns, items.map(({ number, gateway, receipt: view }) => ({
      key: number,
      cells: [time(view.ended_at), h('a', { href: `#/exchanges/${view.id}` }, h('code', {}, view.id.slice(0, 12))),
        view.workload ?? h('span', { class: 'quiet' }, 'no key'), view.route,
        [endState(view), view.degraded ? h('div', { class: 'quiet' }, view.degraded) : null], answerer(view) ?? '–',
        count(view.attempts.length), span(view.first_token_milliseconds), span(view.milliseconds), gateway],
    })), { empty: 'No gateway has told of one like that so far.', caption: 'The newest exchanges', key: 'exchanges' }),
    next ? h('p', { class: 'quiet' }, 'Older ones: holdfast exchanges list') : null,
  ]
}

const answerer = view => view.attempts.find(attempt => !attempt.failure)?.deployment

// MARK: One of them

function receipt({ gateway, receipt: view }) {
  return [
    h('p', { class: 'verdict' }, endState(view), view.degraded ? ` degraded: ${view.degraded}` : ''),
    facts([
      ['Exchange', h('code', {}, view.id)], ['Answered by', answerer(view) ?? 'nobody'], ['Route', view.route],
      ['Workload', view.workload ?? 'no key'], ['Criticality', view.criticality], ['Status', view.status],
      ['Operation', `${view.operation}${view.stream ? ', a stream' : ''}`], ['Delivery', view.delivery],
      ['Took', span(view.milliseconds)], ['First token', span(view.first_token_milliseconds)],
      ['Tokens in / out', `${count(view.input_tokens)} / ${count(view.output_tokens)}`],
      ['Generation', h('a', { href: `#/configuration/${view.generation}` }, view.generation)], ['Gateway', gateway],
      ['Ended', time(view.ended_at)],
    ]),
    attempts(view),
  ]
}

/// Each attempt as a bar from its start to its end, in the order in which candidates were asked; and who was passed over.
function attempts(view) {
  const total = Math.max(view.milliseconds, 1)
  const bar = attempt => {
    const [from, to] = [attempt.started_milliseconds, attempt.ended_milliseconds ?? total]
    const x = at => (at / total) * 200
    return s('svg', { class: 'bar-line', viewBox: '0 0 200 12', preserveAspectRatio: 'none', role: 'img',
        'aria-label': `from ${span(from)} to ${span(to)}` },
      s('rect', { class: `bar ${attempt.failure ? 'lost' : 'answered'}`, x: x(from), y: 2,
          width: Math.max(1, x(to) - x(from)), height: 8 }),
      attempt.first_token_milliseconds == null ? null
        : s('line', { class: 'mark', x1: x(attempt.first_token_milliseconds), x2: x(attempt.first_token_milliseconds),
          y1: 0, y2: 12 }))
  }
  const tries = view.attempts.map(attempt => ({
    at: attempt.started_milliseconds,
    cells: [attempt.deployment, attempt.failure ? state('bad', attempt.failure.replaceAll('_', ' '))
      : state('ok', attempt.continues ? `answered, ${attempt.continues}` : 'answered'),
      span(attempt.started_milliseconds), span(attempt.first_token_milliseconds), span(attempt.ended_milliseconds),
      bar(attempt)],
  }))
  const passed = view.exclusions.map(exclusion => ({ at: exclusion.at_milliseconds,
        cells: [exclusion.deployment, state('unknown', `passed over: ${exclusion.reason.replaceAll('_', ' ')}`),
          span(exclusion.at_milliseconds), '–', '–', null] }))
  const rows = [...tries, ...passed].sort((before, after) => before.at - after.at).map((row,
      place) => ({ ...row, key: place }))
  return [h('h3', {}, 'Attempts'), table([{ title: 'Deployment' }, { title: 'What came of it' },
        { title: 'Began', class: 'figure' }, { title: 'First token', class: 'figure' },
        { title: 'Ended', class: 'figure' }, { title: 'When' }], rows,
      { empty: 'Nobody was asked.', caption: 'Attempts' }),
    h('p', { class: 'quiet' }, `Candidates, in order: ${view.candidates.join(', ')}`)]
}

// MARK: Who asks for what

function callTable() {
  if (!traffic.isKnown) return note('unknown', 'No gateway has sent figures of late.')
  const sum = traffic.calls.reduce((total, call) => total + call.count, 0)
  if (!sum) return nothing('Nobody has asked for anything since the gateways started.')
  const MOST = 300
  return [
    h('p', { class: 'quiet' },
      `${many(sum, 'exchange')} since the gateways started, by workload, route and who answered.`),
    table([{ title: 'Workload' }, { title: 'Route' }, { title: 'Answered by' },
        { title: 'Exchanges', class: 'figure' }, { title: 'Share', class: 'figure' }],
      traffic.calls.slice(0, MOST).map(call => ({
      key: `${call.workload} ${call.route} ${call.deployment}`,
      cells: [call.workload ?? h('span', { class: 'quiet' }, 'no key'), call.route,
        call.deployment ?? state('bad', 'nobody'), count(call.count), percent((call.count / sum) * 100)],
    })), { caption: 'Calls' }),
    traffic.calls.length > MOST ? note('unknown', `${traffic.calls.length - MOST} rarer ones are not shown.`) : null,
  ]
}
