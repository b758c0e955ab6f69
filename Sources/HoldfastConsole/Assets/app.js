// The shell: who is signed in, where one is, and how live what is shown is.

import { announce, h, put, refusal, span, state } from './dom.js'
import { ask, events, followEvents, get, may, onChange, onSignedOut, pace, session, signedIn, signOut,
  use } from './api.js'
import { changed, onDraw } from './page.js'
import { overview } from './overview.js'
import { mapPage } from './map.js'
import { drills } from './drills.js'
import { overrides } from './overrides.js'
import { configuration } from './configuration.js'
import { access, backups, eventsPage } from './lists.js'
import { exchanges } from './exchanges.js'
import { audit } from './audit.js'

/// In the order of the navigation. A page is `{title, permission, feeds(rest), render(rest), enter(rest), leave()}`; `rest` is what stands behind its name in the address.
const PAGES = { overview, map: mapPage, drills, overrides, configuration, exchanges, events: eventsPage, access, audit,
  backups }

const root = document.getElementById('app')
let here = { name: null, page: null, rest: [] }

const isPermitted = page => [page.permission].flat().some(may)

// MARK: Drawing

function shell() {
  const main = h('main', { id: 'main', tabindex: -1 })
  return h('div', { class: 'shell', key: 'shell' },
    h('header', { class: 'top' },
      h('a', { class: 'brand', href: '#/overview' },
        h('img', { src: '/console/icon.svg', alt: '', width: 22, height: 22 }), 'Holdfast'),
      h('div', { id: 'liveness', class: 'liveness' }), h('div', { class: 'spacer' }),
      h('button', { type: 'button', class: 'plain', id: 'theme', on: { click: toggleTheme } }),
      h('div', { id: 'who', class: 'who' })),
    h('nav', { id: 'nav', 'aria-label': 'Pages' }), main)
}

function draw() {
  if (!session.view) return put(root, signInPage())
  if (!root.querySelector('.shell')) put(root, shell())
  const { page, name, rest } = here
  put(document.getElementById('liveness'), liveness())
  put(document.getElementById('theme'), themeLabel())
  put(document.getElementById('who'), who())
  put(document.getElementById('nav'), Object.entries(PAGES).filter(([, other]) => isPermitted(other))
    .map(([key, other]) => h('a', { key, href: `#/${key}`, 'aria-current': key === name ? 'page' : null },
        other.title)))
  const main = document.getElementById('main')
  const heading = h('h1', { key: 'title' }, page.title)
  if (!isPermitted(page)) {
    return put(main, heading, h('p', { key: 'refused', class: 'note unknown' },
        `Your token is of the kind ${session.view.kind}, which has not ${[page.permission].flat().join(' or ')}.`))
  }
  put(main, heading, page.render(rest))
}

/// Whether events arrive: that is what makes the difference between live and old.
function liveness() {
  const silent = events.heardAt == null ? null : performance.now() - events.heardAt
  if (!may('events.read')) return null
  return silent == null || silent > 40_000 ? state('bad', 'not connected',
    'Nothing that is shown is live; every panel says how old it is.') : state('ok', 'live', `heard ${span(silent)} ago`)
}

function who() {
  const left = new Date(session.view.expires_at) - Date.now()
  return [
    h('span', { class: left < 600_000 ? 'ends soon' : 'ends',
        title: `signed in as ${session.view.principal} until ${session.view.expires_at}` },
      h('b', {}, session.view.principal), ` ${session.view.kind}, ${span(left)} left`),
    h('button', { type: 'button', class: 'plain', on: { click: () => signOut() } }, 'Sign out'),
  ]
}

// MARK: Light and dark

const THEMES = ['auto', 'light', 'dark']
const theme = () => localStorage.getItem('holdfast.theme') ?? 'auto'

function showTheme() {
  if (theme() === 'auto') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme()
}

function toggleTheme() {
  localStorage.setItem('holdfast.theme', THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length])
  showTheme()
  changed()
  announce(`Colours: ${theme()}`)
}

const themeLabel = () => [h('span', { 'aria-hidden': 'true' }, { auto: '◐', light: '☀', dark: '☾' }[theme()]),
  h('span', { class: 'wide-only' }, ` ${theme()}`), h('span', { class: 'visually-hidden' }, ': colours, change')]

// MARK: Signing in

let signIn = { problem: null, isBusy: false }

function signInPage() {
  return h('main', { id: 'main', class: 'sign-in', key: 'sign-in', tabindex: -1 },
    h('img', { src: '/console/icon.svg', alt: '', width: 44, height: 44 }),
    h('h1', {}, 'Holdfast'),
    session.ended ? h('p', { class: 'note warn', role: 'alert' }, session.ended) : null,
    signIn.problem ? refusal(signIn.problem) : null,
    h('form', { 'data-own': true, on: { submit: withToken } },
      h('label', { for: 'token' }, 'Token of the management plane'),
      h('input', { id: 'token', type: 'password', autocomplete: 'off', required: true, spellcheck: 'false',
          placeholder: 'hf_operator_…' }),
      h('button', { type: 'submit', class: 'primary' }, 'Sign in')),
    h('p', { class: 'quiet' }, signIn.isBusy ? 'Signing in…'
      : ['Or open a link that ', h('code', {}, 'holdfast console'),
        ' prints: it works once, for a quarter of an hour.']),
    h('p', { class: 'quiet' }, 'The token stays in this tab and goes with it. There are no cookies.'))
}

async function withToken(event) {
  event.preventDefault()
  const input = event.target.querySelector('input')
  const token = input.value.trim()
  input.value = ''
  if (/^[\x21-\x7e]+$/.test(token)) signedIn(token)
  await begin()
}

/// The code of a one-time link goes out of the address before anything else happens: it must not stay in the history.
async function withCode(code) {
  history.replaceState(null, '', '#/overview')
  signIn = { problem: null, isBusy: true }
  // Whoever was signed in in this tab is not any more.
  signOut()
  draw()
  try {
    signedIn((await ask('POST', '/v1/sign-in', { body: { code } })).value.token)
  } catch (problem) {
    signIn = { problem, isBusy: false }
    return draw()
  }
  await begin()
}

async function begin() {
  signIn = { problem: null, isBusy: true }
  try {
    session.view = session.token ? await get('/v1/session') : null
    if (session.view) followEvents()
  } catch (problem) {
    // Nobody answered: that says nothing against the token.
    if (problem.status && problem.status !== 401) signOut()
    session.ended = null
    signIn.problem = problem
  }
  signIn.isBusy = false
  go()
}

onSignedOut(() => {
  here.page?.leave?.()
  here = { name: null, page: null, rest: [] }
  use([])
  draw()
  document.getElementById('token')?.focus()
})

// MARK: Where one is

function go() {
  const code = location.hash.match(/^#sign-in=(.+)$/)?.[1]
  if (code) return void withCode(decodeURIComponent(code))
  if (!session.view) {
    draw()
    document.getElementById('token')?.focus()
    return
  }
  if (location.hash && !location.hash.startsWith('#/')) return
  const [name, ...rest] = location.hash.slice(2).split('/').map(decodeURIComponent)
  const known = PAGES[name] ? name : Object.keys(PAGES).find(key => isPermitted(PAGES[key])) ?? 'overview'
  const isNew = known !== here.name
  if (isNew || rest.join('/') !== here.rest.join('/')) here.page?.leave?.()
  here = { name: known, page: PAGES[known], rest: PAGES[name] ? rest : [] }
  document.title = `${here.page.title} · Holdfast`
  if (isPermitted(here.page)) {
    use(here.page.feeds?.(here.rest) ?? [])
    here.page.enter?.(here.rest)
  } else use([])
  const main = document.getElementById('main')
  if (isNew && main) put(main)
  draw()
  if (isNew) {
    scrollTo(0, 0)
    document.querySelector('#nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
    if (document.activeElement !== document.body) document.getElementById('main').focus({ preventScroll: true })
  }
}

// A fragment of its own would take the place of the page's.
document.querySelector('.skip').addEventListener('click', event => {
  event.preventDefault()
  document.getElementById('main').focus()
})
onDraw(draw)
onChange(changed)
addEventListener('hashchange', go)
document.addEventListener('visibilitychange', () => { pace(); changed() })
// Ages grow although nothing arrives.
setInterval(() => {
  if (session.view && new Date(session.view.expires_at) <= Date.now()) signOut('Your token has ended.')
  pace()
  // Nobody answered when the page was opened: the token may be good all the same.
  if (session.token && !session.view && !signIn.isBusy && signIn.problem?.status === 0) begin()
  if (!document.hidden && session.view) changed()
}, 1000)
showTheme()
begin()
