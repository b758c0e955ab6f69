// What pages share: panels that say how old they are, and the one way to draw again.

import { h, note, refusal, span } from './dom.js'

let draw = () => {}
export const onDraw = run => { draw = run }

let isDue = false
/// Something that shows has changed: draws once, however often this is said.
export function changed() {
  if (isDue) return
  isDue = true
  requestAnimationFrame(() => {
    isDue = false
    draw()
  })
}

/// A part of a page that shows one feed, or nothing live where `source` is null. What is old is greyed out and says its age.
export function panel(title, source, content, more, { absent, class: look = '' } = {}) {
  const isStale = source?.isStale || (source?.problem && source.value)
  let body
  if (source?.isAbsent) body = note('unknown', absent ?? 'This management plane has nothing of the kind.')
  else if (source?.problem && !source.value) body = refusal(source.problem)
  else if (source && !source.value) body = h('p', { class: 'nothing', role: 'status' }, 'Asking…')
  else body = content(source?.value)
  return h('section', { key: title, class: `panel ${look}${isStale ? ' stale' : ''}`, 'aria-label': title },
    h('header', {}, h('h2', {}, title), source?.at != null ? age(source, isStale) : null,
      h('span', { class: 'more' }, more)), body)
}

function age(source, isStale) {
  const text = isStale ? `not live: ${span(source.age)} old` : source.age < source.seconds * 1000 + 1500 ? 'live'
    : `${span(source.age)} ago`
  return h('span', { class: isStale ? 'age old' : 'age', title: source.problem ? source.problem.detail : null }, text)
}
