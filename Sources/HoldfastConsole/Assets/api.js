// What is asked of the management plane, and what is remembered of its answers. The console can do nothing that this API
// cannot, and asks nobody else.

const TOKEN = 'holdfast.token'

export const session = { token: sessionStorage.getItem(TOKEN), view: null, ended: null }

export const may = permission => session.view?.permissions.includes(permission) ?? false

/// A refusal, in the API's own words where there are any.
class Problem extends Error {
  constructor(view) {
    super(view.title)
    Object.assign(this, view)
  }

  static get silence() {
    return new Problem({
      status: 0, title: 'No answer', detail: 'the management plane does not answer',
      mend: 'check that holdfast control runs and can be reached; gateways serve on without it',
    })
  }
}

let whenSignedOut = () => {}
export const onSignedOut = hear => { whenSignedOut = hear }

export function signedIn(token) {
  session.token = token
  session.ended = null
  sessionStorage.setItem(TOKEN, token)
}

/// - Parameter reason: absent: the person wanted it.
export function signOut(reason) {
  if (!session.token && !session.view) return
  Object.assign(session, { token: null, view: null, ended: reason ?? null })
  sessionStorage.removeItem(TOKEN)
  stopFollowing()
  feeds.clear()
  whenSignedOut()
}

/// Any request; `body` goes as JSON, `generation` as If-Match, `text` asks for the answer as it is.
export async function ask(method, path, { body, generation, text, signal } = {}) {
  const headers = {}
  if (session.token) headers.authorization = `Bearer ${session.token}`
  if (body !== undefined) headers['content-type'] = 'application/json'
  if (generation != null) headers['if-match'] = `"${generation}"`
  const token = session.token
  let answer, content
  try {
    answer = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: 'no-store',
      credentials: 'omit',
      redirect: 'error', signal: signal ?? AbortSignal.timeout(15_000),
    })
    content = answer.status === 204 ? null : text && answer.ok ? await answer.text() : await answer.json()
  } catch {
    throw Problem.silence
  }
  if (answer.ok) return { value: content, generation: Number(answer.headers.get('etag')?.replaceAll('"', '')) || null }
  const problem = new Problem({ ...content, status: answer.status })
  if (answer.status === 401 && token
    && token === session.token) signOut('The token is not good any more: it has ended or was revoked.')
  throw problem
}

export const get = async path => (await ask('GET', path)).value

// MARK: What is shown, and how old it is

const MOST_GATEWAYS = 1000
const feeds = new Map()
let hear = () => {}
/// Called whenever anything that is shown may have changed.
export const onChange = listener => { hear = listener }

/// One answer that is asked for again and again while somebody looks at it. Old is never shown as live: whoever shows it
/// asks `isStale`.
class Feed {
  constructor(path, seconds) {
    Object.assign(this, { path, seconds, value: null, generation: null, problem: null, at: null, asked: -Infinity,
        isAsking: false })
  }

  get age() { return this.at == null ? null : performance.now() - this.at }
  get isStale() { return this.at != null && this.age > this.seconds * 3000 + 3000 }
  /// The API of this version has nothing of the kind.
  get isAbsent() { return this.problem?.status === 404 && this.value == null }

  async refresh() {
    if (this.isAsking) return
    this.isAsking = true
    this.asked = performance.now()
    try {
      const { value, generation } = await ask('GET', this.path)
      // Figures of many gateways come in pages, and are shown as one.
      for (let page = value; this.path === '/v1/figures' && page.next && value.gateways.length < MOST_GATEWAYS;) {
        page = await get(`${this.path}?after=${encodeURIComponent(page.next)}`)
        value.gateways.push(...page.gateways)
      }
      Object.assign(this, { value, generation, problem: null, at: performance.now() })
      this.heard?.(value)
    } catch (problem) {
      this.problem = problem
    } finally {
      this.isAsking = false
      hear()
    }
  }
}

/// - Parameter heard: told of each new answer, as by whoever keeps a history.
export function feed(path, seconds, heard) {
  let found = feeds.get(path)
  if (!found) feeds.set(path, found = new Feed(path, seconds))
  found.seconds = seconds
  found.heard = heard ?? found.heard
  return found
}

let inUse = []
/// What the page in front needs; everything else rests.
export function use(wanted) {
  inUse = wanted
  pace()
}

const refreshAll = () => Promise.all(inUse.map(one => one.refresh()))

/// Asks for what is due. Something that failed is asked for less often, and nothing while nobody looks.
export function pace() {
  if (document.hidden || !session.token) return
  for (const one of inUse) {
    const wait = one.isAbsent ? 60 : one.problem ? Math.max(one.seconds, 3) : one.seconds
    if (performance.now() - one.asked >= wait * 1000 - 100) one.refresh()
  }
}

/// A list in pages, to its end or to a bound that is said.
export async function all(path, most = 5000) {
  const items = []
  let after = null
  do {
    const page = await get(`${path}${path.includes('?') ? '&' : '?'}limit=1000${after ? `&after=${encodeURIComponent(after)}` : ''}`)
    items.push(...page.items)
    after = page.next
  } while (after && items.length < most)
  return { items, isWhole: !after }
}

// MARK: Events as they happen

export const events = { items: [], heardAt: null, hasGap: false, listeners: new Set() }
const MOST_EVENTS = 500

let stopFollowing = () => {}
/// Browsers open six connections to one place, for all tabs together: a tab that nobody sees must not hold one.
const isSeen = () => new Promise(resolve => {
  if (!document.hidden) return resolve()
  document.addEventListener('visibilitychange', () => resolve(isSeen()), { once: true })
})
document.addEventListener('visibilitychange', () => { if (document.hidden) stopFollowing() })

/// For as long as somebody is signed in, and looks: goes on where it was after every break.
export async function followEvents() {
  const token = session.token
  let last = null
  try {
    const page = await get('/v1/events?limit=200')
    events.items = page.items
    last = page.next
  } catch (problem) {
    if (problem.status === 403) return
  }
  while (session.token === token && token) {
    await isSeen()
    const stop = new AbortController()
    stopFollowing = () => stop.abort()
    // Three heartbeats that did not come.
    const watch = setInterval(() => { if (performance.now() - events.heardAt > 45_000) stop.abort() }, 5000)
    try {
      events.heardAt = performance.now()
      const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream',
        ...(last == null ? {} : { 'last-event-id': last }) }
      const answer = await fetch('/v1/events', { headers, cache: 'no-store', credentials: 'omit', signal: stop.signal })
      if (answer.status === 403) return
      if (answer.ok) for await (const block of blocks(answer.body)) {
        if (session.token !== token) break
        last = block.id ?? last
        if (block.data) take(block)
      }
    } catch { /* Nobody answers: it is tried again, and what is shown says how old it is. */ } finally {
      clearInterval(watch)
      stop.abort()
    }
    events.heardAt = null
    hear()
    await new Promise(resolve => setTimeout(resolve, 3000))
  }
}

function take({ event, data }) {
  if (event === 'end') return
  if (event === 'reset') {
    events.hasGap = true
    return void refreshAll()
  }
  const item = JSON.parse(data)
  events.items = [...events.items.slice(-MOST_EVENTS + 1), item]
  for (const listener of events.listeners) listener(item)
  hear()
}

/// The blocks of `text/event-stream`.
async function* blocks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    events.heardAt = performance.now()
    rest += value
    let end
    while ((end = rest.indexOf('\n\n')) >= 0) {
      const block = {}
      for (const line of rest.slice(0, end).split('\n')) {
        const colon = line.indexOf(':')
        if (colon > 0) block[line.slice(0, colon)] = line.slice(colon + 1).trimStart()
      }
      rest = rest.slice(end + 2)
      yield block
    }
  }
}
