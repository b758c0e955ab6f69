// Pages that are lists: events and who is told of them, keys and tokens, backups.

import { bytes, count, facts, h, note, state, table, time } from './dom.js'
import { ask, events, feed } from './api.js'
import { action, form, showSecret, tell } from './forms.js'
import { changed, panel } from './page.js'
import { alertPanel } from './overview.js'
import { takeFigures, traffic } from './traffic.js'

// MARK: Events, alerts and receivers

const alerts = () => feed('/v1/alerts', 3)
const receivers = () => feed('/v1/notifications', 5)
const looked = { text: '' }
const MOST_EVENTS = 150

export const eventsPage = {
  title: 'Events', permission: 'events.read',
  feeds: () => [alerts(), receivers()],
  render() {
    return [alertPanel(), panel('What happens', null, eventList),
      panel('Who is told', receivers(), ({ items }) => receiverList(items))]
  },
}

function eventList() {
  const found = events.items.filter(event => !looked.text
    || `${event.type} ${event.subject} ${event.summary}`.toLowerCase().includes(looked.text))
  return [
    h('div', { class: 'filters', key: 'filters' },
      h('label', {}, 'Filter ', h('input',
          { type: 'search', placeholder: 'type, subject or word',
            on: { input: event => { looked.text = event.target.value.toLowerCase(); changed() } } })),
      h('span', { class: 'quiet', role: 'status' },
        `${count(found.length)} of the last ${count(events.items.length)}, the newest first`)),
    events.hasGap ? note('warn', 'Some events are lost: what is shown is as it is now, but not how it came to be.')
      : null,
    table([{ title: 'When' }, { title: 'What' }, { title: 'Of' }, { title: 'In words' }, { title: 'By' }],
      found.slice(-MOST_EVENTS).reverse().map(event => ({
      key: event.id,
      cells: [time(event.at), event.severity ? state(event.severity === 'critical' ? 'bad' : 'warn', event.type)
        : h('code', {}, event.type), event.subject,
        [event.summary, Object.keys(event.details).length
          ? h('details', {}, h('summary', {}, 'details'), facts(Object.entries(event.details).sort())) : null],
          event.by ?? '–'],
    })), { empty: 'Nothing happened of late.', caption: 'Events', key: 'events' }),
  ]
}

const RECEIVER_LEVELS = { working: 'ok', failing: 'bad', untested: 'unknown', unusable: 'bad' }

function receiverList(items) {
  const columns = [{ title: 'Receiver' }, { title: 'State' }, { title: 'Format' }, { title: 'Address' },
    { title: 'Sent', class: 'figure' }, { title: 'Failed', class: 'figure' }, { title: 'Dropped', class: 'figure' },
    { title: 'Last success' }, { title: '', class: 'act' }]
  return table(columns, items.map(one => ({
    key: one.name,
    cells: [h('b', {}, one.name), [state(RECEIVER_LEVELS[one.state] ?? 'unknown', one.state), one.last_failure
        ? h('div', { class: 'quiet' }, one.last_failure) : null], one.format, one.address, count(one.sent),
      count(one.failures), count(one.dropped), time(one.last_success_at, { ago: true }),
      action('Send a test', 'notifications.test', event => test(one.name, event.currentTarget))],
  })), { empty: 'Nobody is told of alerts: see control.notifications in the configuration.', caption: 'Receivers' })
}

async function test(name, button) {
  button.disabled = true
  try {
    await ask('POST', `/v1/notifications/${encodeURIComponent(name)}/test`, { body: {} })
    tell(`${name} took the test`, note('ok',
        'It was sent a test and took it. Look there whether somebody would see it.'))
  } catch (problem) {
    tell(`${name} did not take it`, note('bad', problem.detail), h('p', {}, h('b', {}, 'Mend: '), problem.mend))
  }
  button.disabled = false
  receivers().refresh()
}

// MARK: Keys and tokens

const keys = () => feed('/v1/keys?limit=1000', 10)
const tokens = () => feed('/v1/tokens', 10)
/// For the workloads that can be chosen.
const figures = () => feed('/v1/figures', 10, takeFigures)
const KINDS = ['viewer', 'operator', 'approver', 'auditor', 'admin', 'automation', 'node']
const ended = { keys: false, tokens: false }

export const access = {
  title: 'Keys and tokens', permission: ['keys.read', 'tokens.read'],
  feeds: () => [keys(), tokens(), figures()],
  render() {
    return [
      panel('Client keys', keys(), ({ items, next }) => [keyList(items), next
          ? note('warn', 'There are more than these.') : null],
        [endedSwitch('keys'), action('Issue a key…', 'keys.create', issueKey, { class: 'primary' })]),
      panel('Tokens of the management plane', tokens(), ({ items }) => tokenList(items),
        [endedSwitch('tokens'), action('Make a token…', 'tokens.create', makeToken, { class: 'primary' }),
          action('Sign-in link…', 'tokens.create', makeLink)]),
    ]
  },
}

const endedSwitch = name => h('label', {}, h('input',
    { type: 'checkbox', on: { change: event => { ended[name] = event.target.checked; changed() } } }), ' ended too')

function keyList(items) {
  const found = items.filter(key => ended.keys || !key.revoked_at)
  return table([{ title: 'Key' }, { title: 'Workload' }, { title: 'Note' }, { title: 'Made' }, { title: 'By' },
      { title: '', class: 'act' }], found.map(key => ({
    key: key.id, class: key.revoked_at ? 'old' : '',
    cells: [h('b', {}, key.id), key.workload, key.note, time(key.made_at), key.made_by, key.revoked_at
      ? ['revoked ', time(key.revoked_at), ` by ${key.revoked_by}`]
      : action('Revoke…', 'keys.revoke', () => revoke('key', key.id, `/v1/keys/${encodeURIComponent(key.id)}/revoke`,
          'Every gateway refuses it within seconds, for ever.', keys()), { class: 'danger' })],
  })), { empty: 'None was issued here. Keys of the document stand in the document.', caption: 'Client keys' })
}

function tokenList(items) {
  const now = new Date().toISOString()
  const isOver = token => token.revoked_at || token.expires_at <= now
  const found = items.filter(token => ended.tokens || !isOver(token)).reverse()
  return table([{ title: 'Token' }, { title: 'Kind' }, { title: 'Note' }, { title: 'May' }, { title: 'Made' },
      { title: 'By' }, { title: 'Ends' }, { title: '', class: 'act' }], found.map(token => ({
    key: token.id, class: isOver(token) ? 'old' : '',
    cells: [h('b', {}, token.id), token.kind, token.note,
      token.grants.map(grant => grant.permission).join(', ') || 'as its kind', time(token.made_at), token.made_by,
      token.revoked_at ? ['revoked ', time(token.revoked_at)] : time(token.expires_at, { ago: true }),
      isOver(token) ? null : action('Revoke…', 'tokens.revoke',
        () => revoke('token', token.id, `/v1/tokens/${encodeURIComponent(token.id)}/revoke`,
          'From the next request on it is worth nothing, and so are sign-ins by its links.', tokens()), { class: 'danger' })],
  })), { empty: 'None that is good.', caption: 'Tokens' })
}

const revoke = (noun, id, path, says, list) => form({ title: `Revoke the ${noun} ${id}`, intro: says, fields: [],
    submit: 'Revoke', danger: true, perform: () => ask('POST', path), done: () => list.refresh() })

const idField = { name: 'id', label: 'Id', required: true, pattern: '[a-z0-9\\-]{1,64}',
  hint: 'a-z, 0-9 and -; one id means one holder for ever.' }
const noteField = { name: 'note', label: 'Note', maxlength: 200 }

function issueKey() {
  form({
    title: 'Issue a client key', submit: 'Issue',
    fields: [idField, { name: 'workload', label: 'Workload', required: true,
        hint: 'As the newest configuration names it.',
        choices: [...new Set(traffic.calls.map(call => call.workload).filter(Boolean))] }, noteField],
    perform: body => ask('POST', '/v1/keys', { body }),
    done: ({ value }) => { keys().refresh(); showSecret(`The key ${value.id}`, value.key,
        'Clients send it as Authorization: Bearer, or as x-api-key.') },
  })
}

function makeToken() {
  form({
    title: 'Make a token', submit: 'Make', fields: [
      idField, { name: 'kind', label: 'Kind', kind: 'select', options: KINDS },
      { name: 'for', label: 'For how long', hint: 'Empty: as is usual for its kind.', placeholder: '30d' }, noteField,
      { name: 'grants', label: 'What it may do', kind: 'area', rows: 3, when: values => values.kind === 'automation',
        hint: 'One permission a line, with how long: overrides.create=30d' },
      { name: 'includes_recovery', label: 'These grants include the recovery path', kind: 'check',
        when: values => values.kind === 'automation' }],
    perform: ({ grants, includes_recovery, ...body }) => {
      const list = grants?.split('\n').map(line => line.trim().split('=')).filter(([name]) => name).map(([permission,
            lifetime]) => ({ permission, for: lifetime ?? '', includes_recovery: includes_recovery ?? false }))
      return ask('POST', '/v1/tokens', { body: list ? { ...body, grants: list } : body })
    },
    done: ({ value }) => { tokens().refresh(); showSecret(`The token ${value.id}`, value.token,
        'Of the kind ' + value.kind + '.') },
  })
}

function makeLink() {
  form({
    title: 'A sign-in link',
    intro: 'Whoever opens it first is signed in to this console for eight hours. It works once, within a quarter of an hour.',
    submit: 'Make', fields: [{ name: 'kind', label: 'Kind', kind: 'select',
        options: KINDS.filter(kind => !['automation', 'node'].includes(kind)) }],
    perform: body => ask('POST', '/v1/sign-in-links', { body }),
    done: ({ value }) => showSecret('The link', `${location.origin}/#sign-in=${value.code}`,
      `Of the kind ${value.kind}, until ${new Date(value.expires_at).toLocaleTimeString('en-GB')}.`),
  })
}

// MARK: Backups

const backupList = () => feed('/v1/backups', 10)
const BACKUP_LEVELS = { verified: 'ok', untested: 'unknown', failed: 'bad' }

export const backups = {
  title: 'Backups', permission: 'backups.read',
  feeds: () => [backupList()],
  render() {
    const columns = [{ title: 'Backup' }, { title: 'State' }, { title: 'Made' }, { title: 'Tried' },
      { title: 'Size', class: 'figure' }, { title: 'Generation', class: 'figure' },
      { title: 'Audit entries', class: 'figure' }, { title: 'Where' }, { title: '', class: 'act' }]
    return [
      h('p', { class: 'quiet', key: 'words' },
        'A backup that was never restored is no backup: each is restored on trial when it is made. The signing key is in it, so who may read the folder matters.'),
      panel('Backups', backupList(), ({ items }) => table(columns, items.map(one => ({
        key: one.id,
        cells: [h('b', {}, one.id), [state(BACKUP_LEVELS[one.state] ?? 'unknown', one.state), one.problem
            ? h('div', { class: 'quiet' }, one.problem, one.mend ? [h('b', {}, ' Mend: '), one.mend] : null) : null],
          time(one.made_at), time(one.checked_at, { ago: true }), bytes(one.bytes), one.generation ?? '–',
          one.audit_entries ?? '–', h('code', {}, one.folder),
          action('Try to restore', 'backups.verify', event => run(event.currentTarget,
              `/v1/backups/${encodeURIComponent(one.id)}/verify`))],
      })), { empty: 'There is none yet: one is made half a minute after a start.', caption: 'Backups' }),
        action('Make one now', 'backups.create', event => run(event.currentTarget, '/v1/backups'),
        { class: 'primary' })),
    ]
  },
}

async function run(button, path) {
  button.disabled = true
  try {
    await ask('POST', path, { signal: AbortSignal.timeout(300_000) })
  } catch (problem) {
    tell(problem.title, note('bad', problem.detail), h('p', {}, h('b', {}, 'Mend: '), problem.mend))
  }
  button.disabled = false
  backupList().refresh()
}
