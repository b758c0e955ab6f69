// What operators laid over the configuration, each with its author, its reason and its end.

import { h, table, time } from './dom.js'
import { ask, feed } from './api.js'
import { action, form, reasonField, spanField } from './forms.js'
import { panel } from './page.js'
import { takeFigures, traffic } from './traffic.js'

const list = () => feed('/v1/overrides?limit=200', 5)
/// For the names that can be chosen.
const figures = () => feed('/v1/figures', 5, takeFigures)

export const overrides = {
  title: 'Overrides', permission: 'overrides.read',
  feeds: () => [list(), figures()],
  render() {
    const verbs = h('div', { class: 'buttons left', key: 'verbs' }, VERBS.map(verb =>
      action(verb.label, verb.kind === 'restrict' ? 'restrictions.create' : 'overrides.create', () => make(verb),
        { class: verb.kind === 'drain' ? 'primary' : '' })))
    return [
      h('p', { class: 'quiet', key: 'words' },
        'An override covers the configuration until it ends, and changes nothing in it. Every gateway has it within seconds.'),
      verbs,
      panel('In force', list(), ({ items }) => rows(items.filter(isInForce), true)),
      panel('Ended', list(), ({ items, next }) => [rows(items.filter(one => !isInForce(one)), false), next
          ? h('p', { class: 'quiet' }, 'Older ones: holdfast overrides list --all') : null]),
    ]
  },
}

const isInForce = override => override.ended_at == null && override.expires_at > Date.now()

function rows(items, canEnd) {
  const columns = [{ title: 'What' }, { title: 'Why' }, { title: 'By' }, { title: 'Made' },
    { title: canEnd ? 'Ends' : 'Ended' }, { title: '', class: 'act' }]
  return table(columns, items.map(override => ({
    key: override.id,
    cells: [
      [h('b', {}, words(override.effect)), h('small', { class: 'quiet' }, ` ${override.id}`)], override.reason,
      override.author, time(override.created_at),
      canEnd ? time(override.expires_at, { ago: true })
        : [time(override.ended_at ?? override.expires_at),
        h('small', { class: 'quiet' }, override.ended_by ? ` by ${override.ended_by}` : ' by itself')],
      canEnd ? action('End it', override.effect.kind === 'restrict' ? 'restrictions.clear' : 'overrides.clear',
        () => end(override)) : null,
    ],
  })), { empty: canEnd ? 'None: the configuration is in force as it is written.' : 'None.', caption: canEnd
    ? 'Overrides in force' : 'Overrides that have ended' })
}

/// What it does, in words.
export function words(effect) {
  const { kind } = effect
  const [field, name] = ['deployment', 'provider', 'vendor', 'jurisdiction',
    'route'].map(key => [key, effect[key]]).find(([, value]) => value) ?? []
  switch (kind) {
    case 'pin': return `pins ${effect.route} to ${effect.candidate}${effect.only ? ' alone' : ' first'}`
    case 'shed': return `sheds below ${effect.below}${effect.route ? ` on ${effect.route}` : ''}`
    case 'cap': return `caps ${effect.deployment}: ${[[effect.concurrent, 'at once'], [effect.requests_per_minute, 'requests/min'], [effect.tokens_per_minute, 'tokens/min']].filter(([value]) => value != null).map(pair => pair.join(' ')).join(', ')}`
    case 'price': return `prices ${effect.deployment}: ${Object.entries(effect.price).map(([key, value]) => `${key.replace('_', ' ')} $${value}`).join(', ')} per million tokens`
    case 'fault': return `injects ${effect.fault?.fault} into ${effect.fault?.target} ${effect.fault?.name ?? ''}${effect.fault?.route ? ` on ${effect.fault.route}` : ''}`
    default: return `${kind}s ${field} ${name}`
  }
}

function end(override) {
  form({
    title: `End ${override.id}`, intro: `It ${words(override.effect)}, because: ${override.reason}`,
    fields: [reasonField], submit: 'End it', danger: true,
    perform: body => ask('POST', `/v1/overrides/${encodeURIComponent(override.id)}/clear`, { body }),
    done: () => list().refresh(),
  })
}

// MARK: Making one

const choices = kind => {
  const deployments = [...traffic.deployments.values()]
  return [...new Set({
    deployment: () => deployments.map(one => one.id), provider: () => deployments.map(one => one.id.split('/')[0]),
    vendor: () => deployments.map(one => one.vendor),
    jurisdiction: () => deployments.map(one => one.jurisdiction).filter(Boolean),
    route: () => [...traffic.routes.keys()],
  }[kind]())].sort()
}

const named = (kind, props = {}) => ({ name: kind, label: kind[0].toUpperCase() + kind.slice(1), required: true,
    choices: choices(kind), ...props })

/// One of several kinds of thing is named.
const target = kinds => [
  { name: 'of', label: 'What', kind: 'select', options: kinds },
  ...kinds.map(kind => named(kind, { when: values => values.of === kind })),
]

const VERBS = [
  { kind: 'drain', label: 'Drain…', says: 'It takes nothing new and finishes what runs.',
    fields: () => target(['provider', 'deployment', 'route']) },
  { kind: 'restrict', label: 'Restrict…',
    says: 'Taken out by law or policy: nothing is sent there, not even a check, until a person ends it.',
    fields: () => target(['jurisdiction', 'vendor', 'provider', 'deployment']), danger: true, span: '7d' },
  { kind: 'pin', label: 'Pin…', says: 'One candidate comes first on a route, or is the only one.',
    fields: () => [named('route'), { ...named('deployment'), name: 'candidate', label: 'Candidate' },
      { name: 'only', label: 'No other candidate may answer', kind: 'check' }] },
  { kind: 'shed', label: 'Shed…', says: 'What is less critical is refused before it begins, so that the rest goes on.',
    fields: () => [{ name: 'below', label: 'Refuse what is below', kind: 'select', options: ['standard', 'critical'] },
      named('route', { required: false, hint: 'Empty: on all routes.' })] },
  { kind: 'cap', label: 'Cap…', says: 'Less at once, or less a minute, than the configuration allows.',
    fields: () => [named('deployment'), ...[['concurrent', 'Attempts at once'],
        ['requests_per_minute', 'Requests a minute'],
        ['tokens_per_minute', 'Tokens a minute']].map(([name, label]) => ({ name, label, kind: 'number', min: 0 }))] },
  { kind: 'price', label: 'Price…', says: 'What it costs now, in US dollars per million tokens.',
    fields: () => [named('deployment'), ...['input', 'cached_input',
        'output'].map(name => ({ name, label: name.replace('_', ' '), placeholder: '0.40',
            pattern: '[0-9]+(\\.[0-9]+)?' }))], span: '30d' },
]

function make(verb) {
  form({
    title: verb.label.replace('…', ''), intro: verb.says, danger: verb.danger, submit: verb.label.replace('…', ''),
    fields: [...verb.fields(), spanField(verb.span ?? '1h'), reasonField],
    perform: ({ for: lifetime, reason, of, input, cached_input, output, ...effect }) => {
      const price = verb.kind === 'price' ? { price: { input, cached_input, output } } : {}
      return ask('POST', '/v1/overrides', { body: { effect: { kind: verb.kind, ...effect, ...price }, for: lifetime,
            reason } })
    },
    done: () => list().refresh(),
  })
}
