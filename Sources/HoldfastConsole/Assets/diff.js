// The differences of two documents, line by line (E. Myers, "An O(ND) difference algorithm and its variations", 1986).

/// - Returns: `{kind: 'same' | 'gone' | 'new', text, old, new}` in order, with line numbers from 1.
export function difference(before, after) {
  const [a, b] = [lines(before), lines(after)]
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++
  const found = middle(a.slice(start, a.length - end), b.slice(start, b.length - end))
  let [old, fresh] = [0, 0]
  const number = ({ kind, text }) => ({ kind, text, old: kind === 'new' ? null : ++old, new: kind === 'gone' ? null
      : ++fresh })
  return [...a.slice(0, start).map(same), ...found, ...(end ? a.slice(-end).map(same) : [])].map(number)
}

const same = text => ({ kind: 'same', text })
const lines = text => (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')

/// Documents that have hardly a line in common are said as one block gone and one new: the search costs the square.
const MOST_EDITS = 2000

function middle(a, b) {
  const most = Math.min(a.length + b.length, MOST_EDITS)
  const frontier = new Map([[1, 0]])
  const trace = []
  for (let edits = 0; edits <= most; edits++) {
    trace.push(new Map(frontier))
    for (let k = -edits; k <= edits; k += 2) {
      const isDown = k === -edits || (k !== edits && frontier.get(k - 1) < frontier.get(k + 1))
      let x = isDown ? frontier.get(k + 1) : frontier.get(k - 1) + 1
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++
      frontier.set(k, x)
      if (x >= a.length && x - k >= b.length) return path(a, b, trace)
    }
  }
  return [...a.map(text => ({ kind: 'gone', text })), ...b.map(text => ({ kind: 'new', text }))]
}

function path(a, b, trace) {
  const found = []
  let [x, y] = [a.length, b.length]
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const frontier = trace[edits]
    const k = x - y
    const from = k === -edits || (k !== edits && frontier.get(k - 1) < frontier.get(k + 1)) ? k + 1 : k - 1
    const [fromX, fromY] = [frontier.get(from), frontier.get(from) - from]
    while (x > fromX && y > fromY && x > 0 && y > 0) {
      found.push(same(a[--x]))
      y--
    }
    if (edits > 0) found.push(x === fromX ? { kind: 'new', text: b[--y] } : { kind: 'gone', text: a[--x] })
  }
  return found.reverse()
}

/// Only what changed, with some lines around it; `null` stands for what was left out.
export function hunks(entries, around = 3) {
  const near = entries.map(() => false)
  entries.forEach((entry, place) => {
    if (entry.kind !== 'same') for (let at = Math.max(0, place - around); at <= Math.min(entries.length - 1,
        place + around); at++) near[at] = true
  })
  const found = []
  entries.forEach((entry, place) => {
    if (near[place]) found.push(entry)
    else if (found.at(-1) !== null) found.push(null)
  })
  return found
}
