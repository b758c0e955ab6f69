// What depends on what, and which single failure stops it: the map as a graph, its findings, and "what if this were gone".

import { copy, count, facts, h, many, note, nothing, state, table } from './dom.js'
import { feed, get } from './api.js'
import { action, tell } from './forms.js'
import { changed, panel } from './page.js'
import { graph, reach } from './graph.js'
import { startDrill } from './drills.js'

const map = () => feed('/v1/map', 15)
const assessment = () => feed('/v1/assessment', 15)

/// The columns, from who asks to what may fail; whatever stands in none is what others need.
const LAYERS = [
  ['Services', ['service']], ['Workloads', ['workload']], ['Routes', ['route']],
  ['Deployments', ['gateway', 'deployment', 'group']], ['Providers', ['provider']], ['What they need', []],
  ['Failure domains', ['domain']],
]
const NEEDED = 5
/// More in one column is a wall: alike ones are then shown as one, until a click or the filter asks for them.
const MOST_IN_COLUMN = 30
const MOST_SETS = 40

const looked = {
  text: '', chosen: null, without: [], answer: null, problem: null, accepted: false, cutSet: null, unfolded: new Set(),
}

export const mapPage = {
  title: 'Map', permission: 'findings.read',
  feeds: () => [map(), assessment()],
  render() {
    return [
      panel('The map', map(), picture, withoutBar(), { absent: 'This management plane keeps no map.' }),
      looked.without.length ? withoutPanel() : null,
      panel('What stops what', map(), cutSets, undefined, { absent: 'This management plane keeps no map.' }),
      panel('Findings', assessment(), findings, undefined, { absent: 'This management plane assesses nothing.' }),
    ]
  },
}

// MARK: The graph

function layerOf(kind) {
  const found = LAYERS.findIndex(([, kinds]) => kinds.includes(kind))
  return found < 0 ? NEEDED : found
}

/// Gateways stand among deployments, and their names do not say what they are.
function labelOf({ id, kind }) {
  if (kind !== 'gateway') return nameOf(id)
  return nameOf(id) === 'all' ? 'all gateways' : `gateway ${nameOf(id)}`
}

const nameOf = id => id.slice(id.indexOf(':') + 1)

/// Components and their failure domains as nodes, what they need as edges.
function model(view) {
  const nodes = view.components.map(component => ({
    id: component.id, label: labelOf(component), kind: component.kind, layer: layerOf(component.kind), component,
  }))
  const isObserved = component => component.sources.length === 1 && component.sources[0] === 'observed'
  const edges = view.components.flatMap(component => [
    ...component.needs.flatMap(need => need.of.map(to => ({ from: component.id, to,
            isObserved: isObserved(component) }))),
    ...component.domains.map(domain => ({ from: component.id, to: domain })),
  ])
  // A failure domain may be a component too, such as a network: it is then shown as that.
  const known = new Set(nodes.map(node => node.id))
  for (const domain of new Set(view.components.flatMap(component => component.domains))) {
    if (!known.has(domain)) nodes.push({ id: domain, label: domain, kind: 'domain', layer: layerOf('domain') })
  }
  return folded(nodes, edges)
}

/// What makes components of one kind alike: deployments are of one provider, everything else is needed by the same.
function alike(node, users) {
  if (node.kind === 'deployment') return node.label.split('/')[0]
  return (users.get(node.id) ?? []).map(edge => nameOf(edge.from)).sort().slice(0, 3).join(', ') || 'nobody'
}

function folded(nodes, edges) {
  if (looked.text) return { nodes, edges }
  const users = Map.groupBy(edges, edge => edge.to)
  const home = new Map()
  const groups = new Map()
  for (const [layer, column] of Map.groupBy(nodes, node => node.layer)) {
    if (column.length <= MOST_IN_COLUMN) continue
    for (const [of, members] of Map.groupBy(column, node => alike(node, users))) {
      const id = `fold ${layer} ${of}`
      if (members.length < 3 || looked.unfolded.has(id)) continue
      groups.set(id, { id, label: `${of} (${count(members.length)})`, kind: 'fold', layer, members })
      for (const node of members) home.set(node.id, id)
    }
  }
  const moved = edges.map(edge => ({ ...edge, from: home.get(edge.from) ?? edge.from,
        to: home.get(edge.to) ?? edge.to }))
  const unique = new Map(moved.map(edge => [`${edge.from}\n${edge.to}`, edge]))
  return { nodes: [...nodes.filter(node => !home.has(node.id)), ...groups.values()], edges: [...unique.values()] }
}

const sizeOf = nodes => nodes.reduce((sum, node) => sum + (node.members?.length ?? (node.component ? 1 : 0)), 0)

function picture(view) {
  const { nodes, edges } = model(view)
  const around = id => [...reach(id, edges, true), ...reach(id, edges, false)]
  const matching = looked.text ? nodes.filter(node => node.id.toLowerCase().includes(looked.text)).slice(0, 60) : nodes
  const near = looked.text ? new Set(matching.flatMap(node => around(node.id))) : null
  const shown = near ? nodes.filter(node => near.has(node.id)) : nodes
  for (const node of shown) Object.assign(node, levelOf(node))
  for (const node of shown) node.title = titleOf(node)
  const chosen = shown.find(node => node.id === looked.chosen)
  return [
    h('div', { class: 'filters', key: 'filters' },
      h('label', {}, 'Filter ', h('input', {
        type: 'search', placeholder: 'name of a component',
        on: { input: event => { looked.text = event.target.value.toLowerCase(); changed() } },
      })),
      h('span', { class: 'quiet', role: 'status' },
        `${count(sizeOf(shown))} of ${many(view.components.length, 'component')}`),
      h('span', { class: 'quiet' },
        'Click one to see what it needs and who needs it; a failure domain to see what would stop without it.')),
    view.observed ? null : note('unknown', 'What gateways really see is not part of it: none has told of late.'),
    shown.length ? graph(shown, edges, {
      headings: LAYERS.map(([title]) => title), lit: chosen ? new Set(around(chosen.id)) : null, chosen: looked.chosen,
      choose: id => choose(id, nodes), label: 'Components and what they need',
    }) : nothing('No component is like that.'),
    chosen ? chosenFacts(chosen, edges) : null,
  ]
}

const lineOf = id => looked.answer?.lines.find(line => line.component === id)

/// Of a fold, the worst of what is in it.
function levelOf(node) {
  const ids = node.members?.map(member => member.id) ?? [node.id]
  const is = test => ids.some(test)
  if (is(id => looked.without.includes(id))) return { level: 'gone', sign: '✕', words: 'gone' }
  if (looked.answer) {
    if (is(id => looked.answer.stopped.includes(id))) return { level: 'cut', sign: '✕', words: 'stops' }
    if (is(id => lineOf(id)?.state === 'degraded')) return { level: 'warn', sign: '▲',
      words: 'goes on, carried by another' }
    return {}
  }
  if (is(id => looked.cutSet?.failures.includes(id))) return { level: 'cut', sign: '✕', words: 'part of the cut set' }
  if (is(id => looked.cutSet?.stops.includes(id))) return { level: 'warn', sign: '▲', words: 'stops with the cut set' }
  return {}
}

function titleOf(node) {
  if (node.members) return `${count(node.members.length)} ${LAYERS[node.layer][0].toLowerCase()} of ${node.label}: unfold`
  return [node.label, node.kind, node.component?.criticality, node.words].filter(Boolean).join(', ')
}

function choose(id, nodes) {
  const node = nodes.find(one => one.id === id)
  if (node.members) {
    looked.unfolded.add(id)
    return changed()
  }
  looked.chosen = looked.chosen === id ? null : id
  if (node.kind === 'domain') return toggle(id)
  changed()
}

const listed = ids => ids.length ? ids.slice(0, 12).map(nameOf).join(', ')
  + (ids.length > 12 ? ` and ${ids.length - 12} more` : '') : null

function chosenFacts(node, edges) {
  const others = isForwards => [...reach(node.id, edges, isForwards)].filter(id => id !== node.id
    && !id.startsWith('fold ')).sort()
  const { component } = node
  return h('div', { key: 'chosen', class: 'chosen' },
    h('h3', {}, node.id, ' ', h('button', { type: 'button', on: { click: () => toggle(node.id) } },
      looked.without.includes(node.id) ? 'Put it back' : 'What if it were gone?')),
    facts([
      ['Kind', node.kind], component ? ['Known by', component.sources.join(', ')] : null,
      component?.owner ? ['Owner', component.owner] : null, component ? ['Criticality', component.criticality] : null,
      component?.recovery_target ? ['Recovery target', component.recovery_target] : null,
      component?.latency_tolerance ? ['Latency tolerance', component.latency_tolerance] : null,
      component?.cost_per_minute ? ['A minute down costs', `$${component.cost_per_minute}`] : null,
      component?.backs_up ? ['Backs up', component.backs_up] : null,
      ['Needed by', listed(others(false)) ?? 'nobody'], ['Needs', listed(others(true)) ?? 'nothing'],
    ]))
}

// MARK: What if this were gone

async function toggle(id) {
  const isGone = looked.without.includes(id)
  const asked = isGone ? looked.without.filter(other => other !== id) : [...looked.without, id]
  Object.assign(looked, { without: asked, answer: null, problem: null })
  changed()
  if (!asked.length) return
  try {
    const answer = await get(`/v1/assessment/without?domains=${encodeURIComponent(asked.join(','))}`)
    if (asked === looked.without) looked.answer = answer
  } catch (problem) {
    if (asked === looked.without) looked.problem = problem
  }
  changed()
}

const withoutBar = () => looked.without.length ? h('span', {}, 'Without ', looked.without.map(id =>
  h('button', { type: 'button', key: id, 'aria-label': `put ${id} back`, on: { click: () => toggle(id) } },
    `${id} ✕`))) : null

const OUTLOOKS = { stops: ['bad', 'stops'], degraded: ['warn', 'goes on, degraded'], goes_on: ['ok', 'goes on'] }
const TESTED = { tested: 'ok', failed: 'bad', outdated: 'warn', untested: 'unknown' }

function withoutPanel() {
  const { answer, problem, without } = looked
  return panel(`Without ${without.join(' and ')}`, null, () => {
    if (problem) return note('bad', `${problem.title}: ${problem.detail} ${problem.mend}`)
    if (!answer) return nothing('Asking…')
    const stops = answer.lines.filter(line => line.state === 'stops').length
    const carriers = line => line.carriers.length
      ? h('ul', { class: 'plain' }, line.carriers.map(carrier => h('li', {}, carrier.deployment, ' ',
      carrier.primary ? h('span', { class: 'quiet' }, 'answers first on every day')
        : state(TESTED[carrier.state], carrier.state),
      carrier.capacity.map(room => h('span', { class: 'quiet' },
          ` ${count(room.left)} of ${count(room.all)} ${room.dimension.replaceAll('_', ' ')}`))))) : '–'
    return [
      stops ? note('bad', `${count(stops)} of what people ask for would stop${answer.cost_per_minute ? `: $${answer.cost_per_minute} a minute` : ''}.`)
        : note('ok', 'Nothing that anybody asks for would stop.'),
      table([{ title: 'What' }, { title: 'It' }, { title: 'Criticality' },
          { title: 'A minute costs', class: 'figure' }, { title: 'Carried by' }], answer.lines.map(line => ({
        key: line.component,
        cells: [h('b', {}, line.component), state(...OUTLOOKS[line.state] ?? ['unknown', line.state]),
          line.criticality, line.cost_per_minute ? `$${line.cost_per_minute}` : '–', carriers(line)],
      })), { empty: 'Nothing is touched by it.', caption: 'What would stop, and what would carry the rest' }),
      drillButton(),
    ]
  })
}

const DRILLED = ['vendor', 'provider', 'jurisdiction', 'deployment']

function drillButton() {
  const [id] = looked.without
  const kind = id.slice(0, id.indexOf(':'))
  if (looked.without.length > 1 || !DRILLED.includes(kind)) return null
  return h('div', { class: 'buttons left' },
    action(`Prove it: kill ${kind} ${nameOf(id)}…`, 'drills.start',
      () => startDrill({ plan: `kill-${kind}`, name: nameOf(id) })))
}

// MARK: Cut sets

/// By set, since one failure stops several things; alone ones first, and of those what stops most.
function cutSets(view) {
  const sets = new Map()
  for (const { component, sets: own } of view.cut_sets) {
    for (const failures of own) {
      const key = failures.join(' + ')
      if (!sets.has(key)) sets.set(key, { key, failures, stops: [] })
      sets.get(key).stops.push(component)
    }
  }
  const sorted = [...sets.values()].sort((one, other) => one.failures.length - other.failures.length
    || other.stops.length - one.stops.length)
  const unlisted = view.cut_sets.reduce((sum, one) => sum + one.more, 0) + Math.max(0, sorted.length - MOST_SETS)
  const same = new Map(view.same.map(one => [one.failure, one.same]))
  const light = set => { looked.cutSet = looked.cutSet?.key === set.key ? null : set; changed() }
  return [
    table([{ title: 'What has to fail' }, { title: 'Stops' }, { title: '', class: 'act' }],
      sorted.slice(0, MOST_SETS).map(set => ({
      key: set.key, class: looked.cutSet?.key === set.key ? 'selected' : '',
      cells: [
        [set.failures.length === 1 ? state('bad', 'alone') : state('warn', `${set.failures.length} together`),
          ` ${set.key}`,
          set.failures.filter(failure => same.has(failure)).map(failure => h('div', { class: 'quiet' },
              `the same as ${same.get(failure).slice(0, 6).join(', ')}`))],
        listed(set.stops), h('button', { type: 'button', 'aria-pressed': String(looked.cutSet?.key === set.key),
            on: { click: () => light(set) } }, 'Light it'),
      ],
    })), { empty: 'Nothing that fails alone, or with one or two others, stops anything.', caption: 'Cut sets' }),
    unlisted ? h('p', { class: 'quiet' }, `${count(unlisted)} larger ones are not listed: holdfast map show --json`)
      : null,
  ]
}

// MARK: Findings

const LEVELS = { critical: 'bad', warning: 'warn', notice: 'quiet' }
const isOpen = finding => !finding.acceptance || finding.acceptance.expired

function findings(view) {
  const shown = view.findings.filter(finding => looked.accepted || isOpen(finding))
  const { counts } = view
  return [
    h('div', { class: 'filters', key: 'filters' },
      state(counts.critical ? 'bad' : 'quiet', `${counts.critical} critical`),
      state(counts.warning ? 'warn' : 'quiet', many(counts.warning, 'warning')),
      state('quiet', many(counts.notice, 'notice')),
      h('label', {}, h('input', { type: 'checkbox',
            on: { change: event => { looked.accepted = event.target.checked; changed() } } }),
        ` accepted too (${counts.accepted})`)),
    shown.length ? h('ul', { class: 'findings' },
      shown.map(finding => h('li', { key: finding.id, class: `is-${LEVELS[finding.severity]}` },
      h('div', {}, state(LEVELS[finding.severity] ?? 'unknown', finding.severity), ' ', h('b', {}, finding.title),
        h('span', { class: 'quiet' }, ` ${finding.id}`)),
      h('p', {}, finding.reason), h('p', {}, h('b', {}, 'Mend: '), finding.mend),
      finding.stops.length ? h('p', { class: 'quiet' },
        `Concerns ${listed(finding.stops)}${finding.cost_per_minute ? `, $${finding.cost_per_minute} a minute` : ''}`)
        : null,
      finding.acceptance ? h('p', { class: 'quiet' },
        `${finding.acceptance.expired ? 'was accepted' : 'accepted'} until ${finding.acceptance.until}: ${finding.acceptance.reason}`)
        : null,
      isOpen(finding) ? h('div', { class: 'buttons left' },
        h('button', { type: 'button', on: { click: () => acceptance(finding) } }, 'How to accept it')) : null,
    ))) : note('ok', 'No finding is open.'),
    view.more_pairs + view.more_triples ? h('p', { class: 'quiet' },
      `${count(view.more_pairs)} pairs and ${count(view.more_triples)} triples are not listed.`) : null,
  ]
}

/// A decision to live with something stands in the configuration, where it has an author, a reason and an end.
function acceptance(finding) {
  const until = new Date(Date.now() + 90 * 86_400_000).toISOString().slice(0, 10)
  const text = `map:\n  accept:\n    ${finding.id}: {reason: "…", until: ${until}}\n`
  tell('Accept a finding', h('p', {}, finding.reason),
    h('p', {}, 'To live with it is a decision with a reason and an end, and stands in the configuration:'),
    h('pre', { class: 'command', tabindex: 0 }, text),
    h('p', {}, h('button', { type: 'button', on: { click: event => copy(text, event.currentTarget) } }, 'Copy'), ' ',
      h('a', { href: '#/configuration' }, 'Configuration')))
}
