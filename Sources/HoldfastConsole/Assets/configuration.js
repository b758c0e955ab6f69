// What is meant, generation by generation: documents, their differences, and how one comes into force everywhere.

import { h, many, note, nothing, state, table, time } from './dom.js'
import { ask, feed, get, may } from './api.js'
import { action, form, reasonField } from './forms.js'
import { changed, panel } from './page.js'
import { difference, hunks } from './diff.js'
import { rolloutFacts } from './overview.js'

const list = () => feed('/v1/generations?limit=100', 5)
const rollout = () => feed('/v1/rollout', 3)

/// Generations never change, so those that were read are kept.
const documents = new Map()
const shown = { isSplit: false, isWhole: false }

function generation(number) {
  if (!documents.has(number)) {
    documents.set(number, null)
    get(`/v1/generations/${number}`).then(view => documents.set(number, view),
      problem => documents.delete(number) && documents.set(number, { problem })).finally(changed)
  }
  return documents.get(number)
}

export const configuration = {
  title: 'Configuration', permission: 'snapshots.read',
  feeds: () => [list(), rollout()],
  enter() { shown.isWhole = false },
  leave() { for (const [number, view] of documents) if (view?.problem) documents.delete(number) },
  render([number, other]) {
    return [
      h('div', { class: 'buttons left', key: 'verbs' },
        action('Publish…', 'snapshots.publish', publish, { class: 'primary' }),
        action('Roll back…', 'snapshots.rollback', () => rollBack())),
      panel('Roll-out', rollout(), value => value.rollout
        ? [rolloutFacts(value.rollout), rolloutButtons(value.rollout)]
        : nothing('There never was one: the first document went to all gateways at once.')),
      number ? documentPanel(Number(number), other ? Number(other) : null) : null,
      panel('Generations', list(), ({ items, next }) => [generations(items, Number(number)), next
          ? h('p', { class: 'quiet' }, 'Older ones: holdfast config list') : null]),
    ]
  },
}

function rolloutButtons(view) {
  const isOpen = !['done', 'returned'].includes(view.phase)
  const why = isOpen ? undefined : 'This roll-out is over.'
  const decide = (title, path, says, danger) => form({
    title, intro: says, fields: [reasonField], submit: title, danger,
    perform: body => ask('POST', path, { body }), done: () => rollout().refresh(),
  })
  return h('div', { class: 'buttons left' },
    action('Release…', 'rollouts.release', () => decide('Release', '/v1/rollout/release',
        'You vouch for what no measurement shows, so that it goes on.'),
      { why: may('rollouts.release') ? why : undefined }),
    action('Take back…', 'rollouts.return', () => decide('Take back', '/v1/rollout/return',
        'All gateways get the last good document, under a new number.', true),
      { why: may('rollouts.return') ? why : undefined, class: 'danger' }))
}

function generations(items, selected) {
  const columns = [{ title: 'Generation' }, { title: 'Made' }, { title: 'By' }, { title: 'Why' },
    { title: 'Document' }, { title: 'Overrides', class: 'figure' }, { title: '', class: 'act' }]
  return table(columns, items.map((one, place) => ({
    key: one.number, class: one.number === selected ? 'selected' : '',
    cells: [
      [h('a', { href: `#/configuration/${one.number}`, 'aria-current': one.number === selected ? 'true' : null },
          h('b', {}, one.number)), place === 0 ? ' ' : null, place === 0 ? state('ok', 'newest') : null],
      time(one.made_at), one.author, one.reason, one.name, one.overrides.length,
      h('div', { class: 'buttons' },
        selected && selected !== one.number ? h('a',
          { class: 'button', href: `#/configuration/${selected}/${one.number}` }, `Compare with ${selected}`)
          : items[place + 1] ? h('a', { class: 'button',
              href: `#/configuration/${one.number}/${items[place + 1].number}` }, 'What changed') : null),
    ],
  })), { empty: 'Nothing was published yet.', caption: 'Generations' })
}

// MARK: One document, or two

function documentPanel(number, other) {
  const view = generation(number)
  const base = other ? generation(other) : null
  const [old, fresh] = base && other > number ? [view, base] : [base, view]
  const title = other ? `Generation ${Math.min(number, other)} → ${Math.max(number, other)}` : `Generation ${number}`
  const buttons = [
    other ? h('button', { type: 'button', 'aria-pressed': String(shown.isSplit),
        on: { click: () => { shown.isSplit = !shown.isSplit; changed() } } }, 'Side by side') : null,
    other ? h('button', { type: 'button', 'aria-pressed': String(shown.isWhole),
        on: { click: () => { shown.isWhole = !shown.isWhole; changed() } } }, 'Whole documents') : null,
    other ? null : action('Roll back to this…', 'snapshots.rollback', () => rollBack(number)),
    h('a', { class: 'button', href: '#/configuration' }, 'Close'),
  ]
  return panel(title, null, () => {
    const problem = view?.problem ?? base?.problem
    if (problem) return note('bad', `${problem.title}: ${problem.detail}`)
    if (!fresh || (other && !old)) return nothing('Asking…')
    if (!other) return h('ol', { class: 'document', tabindex: 0, 'aria-label': `Document of generation ${number}` },
      fresh.document.replace(/\n$/, '').split('\n').map(line => h('li', {}, line || ' ')))
    const entries = difference(old.document, fresh.document)
    const [gone, added] = ['gone', 'new'].map(kind => entries.filter(entry => entry.kind === kind).length)
    if (!gone && !added) return note('ok', 'The documents are the same; only overrides or keys differ.')
    const parts = shown.isWhole ? entries : hunks(entries)
    return [h('p', { class: 'quiet' }, `${many(gone, 'line')} gone, ${added} new`), shown.isSplit ? sideBySide(parts)
      : unified(parts)]
  }, buttons)
}

const SIGNS = { same: ' ', gone: '−', new: '+' }
const WORDS = { gone: 'removed: ', new: 'added: ' }
const line = entry => entry && [WORDS[entry.kind] ? h('span', { class: 'visually-hidden' }, WORDS[entry.kind]) : null,
  entry.text || ' ']
const skip = columns => h('tr', { class: 'skipped' }, h('td', { colspan: columns }, '⋯'))

const unified = entries => h('div', { class: 'scroll diff', tabindex: 0, role: 'region', 'aria-label': 'Differences' },
  h('table', {}, h('tbody', {}, entries.map(entry => entry === null ? skip(4)
  : h('tr', { class: entry.kind }, h('td', { class: 'number' }, entry.old ?? ''),
    h('td', { class: 'number' }, entry.new ?? ''),
    h('td', { class: 'sign', 'aria-hidden': 'true' }, SIGNS[entry.kind]), h('td', { class: 'text' }, line(entry)))))))

function sideBySide(entries) {
  const rows = []
  let gone = []
  const flush = () => { rows.push(...gone.map(entry => [entry, undefined])); gone = [] }
  for (const entry of entries) {
    if (entry?.kind === 'gone') gone.push(entry)
    else if (entry?.kind === 'new' && gone.length) rows.push([gone.shift(), entry])
    else {
      flush()
      rows.push(entry === null ? null : entry.kind === 'new' ? [undefined, entry] : [entry, entry])
    }
  }
  flush()
  const side = (entry, number) => [h('td', { class: 'number' }, entry?.[number] ?? ''),
    h('td', { class: `text ${entry?.kind ?? 'empty'}` }, line(entry) ?? '')]
  return h('div', { class: 'scroll diff split', tabindex: 0, role: 'region',
      'aria-label': 'Differences, side by side' },
    h('table', {}, h('tbody', {}, rows.map(row => row === null ? skip(4)
          : h('tr', {}, side(row[0], 'old'), side(row[1], 'new'))))))
}

// MARK: Changes

async function publish() {
  const newest = await get('/v1/generations/newest').catch(() => null)
  form({
    title: 'Publish a configuration', wide: true, submit: 'Publish',
    intro: newest ? `It begins as the document of generation ${newest.number}, and is refused where somebody publishes another one meanwhile. It goes to one gateway first.`
      : 'Nothing was published yet: it goes to all gateways at once.',
    fields: [
      { name: 'document', label: 'Document', kind: 'area', rows: 18, required: true, value: newest?.document },
      { name: 'name', label: 'Name of the file', required: true, value: newest?.name ?? 'holdfast.yaml',
        maxlength: 255 }, reasonField,
      { name: 'confirmed', label: 'Also if it is ten times larger or smaller, or a workload of an issued key is gone',
        kind: 'check' },
    ],
    perform: body => ask('POST', '/v1/generations', { body, generation: newest?.number }),
    done: ({ value }) => { list().refresh(); rollout().refresh(); location.hash = `#/configuration/${value.number}${newest ? `/${newest.number}` : ''}` },
  })
}

function rollBack(number) {
  const known = (list().value?.items ?? []).slice(1)
  form({
    title: 'Roll back', danger: true, submit: 'Roll back',
    intro: 'Its document is published again under a new number, and goes to all gateways at once. Overrides stay.',
    fields: [number ? { name: 'to', label: 'To generation', kind: 'number', required: true, value: number }
      : { name: 'to', label: 'To generation', kind: 'select',
        options: known.map(one => [String(one.number), `${one.number}: ${one.reason}`]) }, reasonField],
    perform: ({ to, reason }) => ask('POST', '/v1/rollback', { body: { to: Number(to), reason } }),
    done: () => { list().refresh(); rollout().refresh() },
  })
}
