// Elements without a framework. What the API says only ever becomes text: nothing in the console takes HTML.

const SVG = 'http://www.w3.org/2000/svg'

/// An element. `props` are attributes, but for `on` (handlers by event), `key` (who it is among its siblings),
/// `style` (set through the CSSOM, which the content security policy allows) and `value`/`checked`/`selected` at the start.
export const h = (tag, props, ...children) => build(document.createElement(tag), props, children)
export const s = (tag, props, ...children) => build(document.createElementNS(SVG, tag), props, children)

function build(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value == null || value === false) continue
    if (name === 'on') listen(node, value)
    else if (name === 'key') node.key = value
    else if (name === 'style') for (const [property, text] of Object.entries(value)) node.style.setProperty(property,
      text)
    else if (name === 'value' || name === 'checked' || name === 'selected') node[name] = value
    else node.setAttribute(name, value === true ? '' : value)
  }
  node.append(...flat(children))
  return node
}

/// Handlers are looked up when something happens, so that a later picture can put others in their place.
function listen(node, handlers) {
  node.handlers = handlers
  for (const type of Object.keys(handlers)) node.addEventListener(type, event => node.handlers[type]?.(event))
}

const flat = children => children.flat(Infinity).filter(child => child != null && child !== false)
  .map(child => child instanceof Node ? child : document.createTextNode(String(child)))

/// Makes the children of `parent` what `children` say, and leaves alone what is so already: the focus, what was typed, what
/// is scrolled and what is unfolded stay where they are.
export function put(parent, ...children) {
  const fresh = flat(children)
  const keyed = new Map([...parent.childNodes].filter(node => node.key != null).map(node => [node.key, node]))
  let place = parent.firstChild
  for (const node of fresh) {
    const old = node.key != null ? keyed.get(node.key) : place?.key == null ? place : null
    if (old && isAlike(old, node)) {
      if (old === place) place = place.nextSibling
      else parent.insertBefore(old, place)
      update(old, node)
    } else parent.insertBefore(node, place)
  }
  while (place) {
    const next = place.nextSibling
    place.remove()
    place = next
  }
}

const isAlike = (old, node) => old.nodeName === node.nodeName && old.key === node.key
  && Object.keys(node.handlers ?? {}).every(type => old.handlers && type in old.handlers)

function update(old, node) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== node.data) old.data = node.data
    return
  }
  for (const { name } of [...old.attributes]) {
    if (!node.hasAttribute(name) && name !== 'style'
      && !(name === 'open' && old.nodeName === 'DETAILS')) old.removeAttribute(name)
  }
  for (const { name, value } of node.attributes) {
    if (name !== 'style' && old.getAttribute(name) !== value) old.setAttribute(name, value)
  }
  if (old.style && old.style.cssText !== node.style.cssText) old.style.cssText = node.style.cssText
  if (node.handlers) old.handlers = node.handlers
  if (!node.hasAttribute('data-own')) put(old, ...node.childNodes)
}

// MARK: Words

const number = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 1 })
export const count = value => value == null ? '–' : number.format(value)
/// "1 gateway", "3 gateways".
export const many = (value, noun) => `${count(value)} ${noun}${value === 1 ? '' : 's'}`
/// Per second.
export const rate = value => value == null ? '–' : value >= 100 ? number.format(Math.round(value)) : value >= 10
  ? value.toFixed(1) : value.toFixed(2)
export const percent = value => value == null ? '–' : value === 0 ? '0 %' : value > 0 && value < 0.1 ? '<0.1 %'
  : `${value.toFixed(value < 10 ? 1 : 0)} %`

/// A span, as short as it can be said.
export function span(milliseconds) {
  if (milliseconds == null) return '–'
  const size = Math.abs(milliseconds)
  if (size < 1000) return `${Math.round(milliseconds)} ms`
  if (size < 10_000) return `${(milliseconds / 1000).toFixed(1)} s`
  if (size < 120_000) return `${Math.round(milliseconds / 1000)} s`
  if (size < 7_200_000) return `${Math.round(milliseconds / 60_000)} min`
  if (size < 172_800_000) return `${(milliseconds / 3_600_000).toFixed(size < 36_000_000 ? 1 : 0)} h`
  return `${Math.round(milliseconds / 86_400_000)} d`
}

export const bytes = value => value == null ? '–' : value < 1024 ? `${value} B`
  : value < 1 << 20 ? `${(value / 1024).toFixed(1)} KiB` : `${(value / (1 << 20)).toFixed(1)} MiB`

/// RFC 3339 or milliseconds since 1970, in the reader's own time; the exact instant is in the title.
export function time(instant, { ago = false } = {}) {
  if (instant == null) return h('span', { class: 'quiet' }, '–')
  const date = new Date(instant)
  if (isNaN(date)) return h('span', {}, String(instant))
  const past = Date.now() - date
  const sameDay = date.toDateString() === new Date().toDateString()
  const clock = date.toLocaleTimeString('en-GB')
  const text = ago ? (past >= 0 ? `${span(past)} ago` : `in ${span(-past)}`)
    : sameDay ? clock : `${date.toLocaleDateString('en-CA')} ${clock.slice(0, 5)}`
  return h('time', { datetime: date.toISOString(), title: date.toISOString() }, text)
}

// MARK: Pieces that every page has

/// A state in a word, with a sign and a colour: never by colour alone. `ok`, `warn`, `bad`, `unknown` or `quiet`.
export const state = (level, text, title) => h('span', { class: `state ${level}`, title }, text)

export const note = (level, ...text) => h('p', { class: `note ${level}` }, text)

export const nothing = text => h('p', { class: 'nothing' }, text)

export function table(columns, rows, { empty = 'There is none.', caption, key, class: look, isCompact = false } = {}) {
  if (!rows.length) return nothing(empty)
  return h('div', { class: isCompact ? 'scroll compact' : 'scroll', tabindex: 0, role: 'region', 'aria-label': caption,
      key },
    h('table', { class: look },
      h('thead', {}, h('tr', {}, columns.map(column => h('th', { scope: 'col', class: column.class }, column.title)))),
      h('tbody', {}, rows.map(row => h('tr', { key: row.key, class: row.class },
        row.cells.map((cell, place) => h('td', { class: columns[place].class, 'data-label': columns[place].title },
            h('div', {}, cell))))))))
}

export const facts = pairs => h('dl', { class: 'facts' },
  pairs.filter(pair => pair && pair[1] != null).map(([name, value]) => h('div', {}, h('dt', {}, name),
      h('dd', {}, value))))

/// Why something was refused, with what mends it.
export function refusal(problem) {
  return h('div', { class: 'refusal', role: 'alert' },
    h('strong', {}, problem.title), h('p', {}, problem.detail),
    problem.fields?.length > 1 ? h('ul', {},
      problem.fields.map(field => h('li', {}, h('code', {}, field.field), ` ${field.message}: ${field.mend}`))) : null,
    problem.mend ? h('p', { class: 'mend' }, h('b', {}, 'Mend: '), problem.mend) : null,
    problem.instance ? h('p', { class: 'quiet' }, `request ${problem.instance}`) : null)
}

export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text)
    button.textContent = 'Copied'
  } catch {
    button.textContent = 'Select it and copy by hand'
  }
}

export function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }))
  h('a', { href: address, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}

let said = 0
/// For whoever listens and does not see.
export function announce(text) {
  const region = document.getElementById('announcer')
  region.textContent = said++ % 2 ? text : `${text}\u00a0`
}
