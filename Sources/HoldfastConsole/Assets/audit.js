// The audit log, and a proof that it still is the log that this browser saw before.

import { count, facts, h, note, nothing, state, table, time } from './dom.js'
import { ask, get } from './api.js'
import { changed, panel } from './page.js'

const PAGE = 100
const KEPT = 'holdfast.checkpoint'
const seen = { entries: [], end: 0, start: 0, isLoading: false, check: null, problem: null, text: '' }

/// Its size and root, signed. The console holds what follows against what it has kept; the signature is for
/// `holdfast audit verify`, which has the public key from elsewhere.
const checkpoint = { read: text => { const [origin, size, root] = text.split('\n'); return { origin,
      size: Number(size), root, text } } }

export const audit = {
  title: 'Audit', permission: 'audit.read',
  feeds: () => [],
  enter() { load(true) },
  render() {
    return [panel('Is it still the same log?', null, verification,
        h('button', { type: 'button', on: { click: () => load(true) } }, 'Look again')),
      panel('Entries', null, entries)]
  },
}

async function load(isAnew) {
  if (seen.isLoading) return
  seen.isLoading = true
  let check = seen.check
  try {
    if (isAnew) {
      const now = checkpoint.read((await ask('GET', '/v1/audit/checkpoint', { text: true })).value)
      Object.assign(seen, { entries: [], end: now.size, start: now.size, problem: null, now })
      check = await verify(now)
    }
    const from = Math.max(0, seen.start - PAGE)
    if (seen.start > from) {
      const page = await get(`/v1/audit?after=${from}&limit=${seen.start - from}`)
      seen.entries = [...page.items, ...seen.entries]
      seen.start = from
    }
  } catch (problem) {
    seen.problem = problem
  }
  // Together: whoever reads what came out may look again.
  Object.assign(seen, { check, isLoading: false })
  changed()
}

function verification() {
  if (seen.problem) return note('bad', `${seen.problem.title}: ${seen.problem.detail}`)
  if (!seen.check) return nothing('Asking…')
  return [
    h('p', {}, state(seen.check.level, seen.check.word), ' ', seen.check.text),
    facts([['Size', `${count(seen.now.size)} entries`], ['Root', h('code', {}, seen.now.root)],
        ['Origin', h('code', {}, seen.now.origin)]]),
    h('details', {}, h('summary', {}, 'The signed checkpoint'), h('pre', { tabindex: 0 }, seen.now.text)),
    h('p', { class: 'quiet' },
      'Keep a checkpoint elsewhere: only one from outside shows that the end of a log was cut off. The signature is checked by ',
      h('code', {}, 'holdfast audit verify'), ', with the public key.'),
  ]
}

const LEVELS = { intended: 'quiet', completed: 'ok', failed: 'bad', interrupted: 'warn', noted: 'quiet' }

function entries() {
  const found = seen.entries.filter(entry => !seen.text
    || JSON.stringify(entry).toLowerCase().includes(seen.text)).reverse()
  return [
    h('div', { class: 'filters', key: 'filters' },
      h('label', {}, 'Filter ', h('input',
          { type: 'search', placeholder: 'who, what or word',
            on: { input: event => { seen.text = event.target.value.toLowerCase(); changed() } } })),
      h('span', { class: 'quiet', role: 'status' },
        `entries ${seen.start} to ${Math.max(0, seen.end - 1)}, the newest first`)),
    table([{ title: 'Number', class: 'figure' }, { title: 'When' }, { title: 'Who' }, { title: 'Did' },
        { title: 'To' }, { title: 'Came to' }, { title: 'Details' }], found.map(entry => ({
      key: entry.number,
      cells: [entry.number, time(entry.at), [entry.principal, h('small', { class: 'quiet' }, ` ${entry.kind}`)],
        h('code', {}, entry.action), entry.target, [state(LEVELS[entry.phase] ?? 'unknown', entry.phase),
          entry.intent != null ? h('small', { class: 'quiet' }, ` of ${entry.intent}`) : null],
        Object.keys(entry.details).length ? h('details', {},
          h('summary', {}, Object.keys(entry.details).sort().join(', ')), facts(Object.entries(entry.details).sort()))
          : null],
    })), { empty: seen.isLoading ? 'Asking…' : 'No entry is like that.', caption: 'Audit entries', key: 'entries' }),
    seen.start > 0 ? h('button', { type: 'button', key: 'older', on: { click: () => load(false) } }, 'Older ones')
      : null,
  ]
}

// MARK: RFC 9162, 2.1.4.2

async function verify(now) {
  const kept = JSON.parse(localStorage.getItem(KEPT) ?? 'null')
  const keep = () => localStorage.setItem(KEPT, JSON.stringify({ ...now, text: undefined, at: Date.now() }))
  if (!globalThis.crypto?.subtle) return { level: 'unknown', word: 'not checked',
    text: 'This browser computes digests only on https or on this machine: use holdfast audit verify.' }
  if (!kept || kept.origin !== now.origin) {
    keep()
    return { level: 'unknown', word: 'nothing to compare with',
      text: 'This browser has not seen this log before, and remembers it from now on.' }
  }
  const when = new Date(kept.at).toLocaleString('en-GB')
  if (now.size < kept.size) return { level: 'bad', word: 'cut off',
    text: `On ${when} it had ${kept.size} entries. Run holdfast audit verify, and look at the newest backup.` }
  if (now.size === kept.size) return now.root === kept.root
    ? { level: 'ok', word: 'unchanged', text: `As this browser saw it on ${when}.` }
    : { level: 'bad', word: 'rewritten', text: `It has as many entries as on ${when}, and another root.` }
  const proof = kept.size ? await get(`/v1/audit/consistency?from=${kept.size}&size=${now.size}`) : { hashes: [] }
  if (kept.size && !await isConsistent(kept, now, proof.hashes)) return { level: 'bad', word: 'rewritten',
    text: `What it held on ${when} is not its beginning any more.` }
  keep()
  return { level: 'ok', word: 'grown, and nothing else',
    text: `The ${count(kept.size)} entries that this browser saw on ${when} are its beginning, and ${count(now.size - kept.size)} came since.` }
}

const decode = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0))
const node = async (left, right) => new Uint8Array(await crypto.subtle.digest('SHA-256',
    new Uint8Array([1, ...left, ...right])))
const equal = (one, other) => one.length === other.length && one.every((byte, place) => byte === other[place])

async function isConsistent(first, second, hashes) {
  const path = hashes.map(decode)
  const isPowerOfTwo = (first.size & (first.size - 1)) === 0
  if (isPowerOfTwo) path.unshift(decode(first.root))
  if (!path.length) return false
  let [fn, sn] = [first.size - 1, second.size - 1]
  while (fn & 1) [fn, sn] = [fn >> 1, sn >> 1]
  let [fr, sr] = [path[0], path[0]]
  for (const hash of path.slice(1)) {
    if (sn === 0) return false
    if ((fn & 1) || fn === sn) {
      fr = await node(hash, fr)
      sr = await node(hash, sr)
      while (fn && !(fn & 1)) [fn, sn] = [fn >> 1, sn >> 1]
    } else sr = await node(sr, hash)
    fn >>= 1
    sn >>= 1
  }
  return sn === 0 && equal(fr, decode(first.root)) && equal(sr, decode(second.root))
}
