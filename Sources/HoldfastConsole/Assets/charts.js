// Pictures of numbers, each with its text: what a picture shows is also said.

import { count, h, many, s, span } from './dom.js'

/// A line of the last values, nil where nothing is known: a gap, never a zero.
export function spark(values, { label, most, bad = false } = {}) {
  const known = values.filter(value => value != null)
  if (known.length < 2) return h('span', { class: 'spark none', role: 'img',
      'aria-label': `${label}: not enough is known yet` })
  const top = Math.max(most ?? 0, ...known) || 1
  const width = values.length - 1
  let path = ''
  let isDown = false
  values.forEach((value, place) => {
    if (value == null) isDown = false
    else {
      path += `${isDown ? 'L' : 'M'}${place} ${(19 - (value / top) * 18).toFixed(1)}`
      isDown = true
    }
  })
  return s('svg', {
    class: bad ? 'spark bad' : 'spark', viewBox: `0 0 ${width} 20`, preserveAspectRatio: 'none', role: 'img',
    'aria-label': `${label}: now ${count(known.at(-1))}, between ${count(Math.min(...known))} and ${count(Math.max(...known))}`,
  }, s('path', { d: path }))
}

/// `t_d` with its letter below the line.
const instant = sign => { const [letter, below] = sign.split('_'); return [letter, below
    ? s('tspan', { 'font-size': '0.75em', dy: 3 }, below) : null, below ? s('tspan', { dy: -3 }, '\u200b') : null] }

/// The instants of a recovery on a line of their own: they are often within one second. A target that lies far behind the
/// last of them stands at the end of a broken line, and does not press them together.
export function ruler(marks, target) {
  const newest = Math.max(...marks.map(mark => mark.at))
  const isFar = newest > 0 && target > 4 * newest
  const last = isFar ? 1.3 * newest : Math.max(newest, target ?? 0)
  if (!last) return null
  const end = isFar ? 700 : 800
  const x = at => 20 + (at / last) * (end - 20)
  let [right, lane] = [-Infinity, 0]
  const placed = [...marks].sort((one, other) => one.at - other.at).map(mark => {
    lane = x(mark.at) < right ? lane + 1 : 0
    right = x(mark.at) + 128
    return { ...mark, lane }
  })
  const height = 60 + Math.max(...placed.map(mark => mark.lane)) * 16
  const recovered = marks.find(mark => mark.sign === 't_r')
  const goal = isFar ? 800 : x(target ?? 0)
  return h('div', { class: 'timeline', tabindex: 0, role: 'region', 'aria-label': 'The instants of the recovery' },
    s('svg', { class: 'ruler', viewBox: `0 0 960 ${height}`, role: 'img',
        'aria-label': marks.map(mark => `${mark.name} after ${span(mark.at * 1000)}`).join(', ')
        + (target == null ? '' : `, target ${span(target * 1000)}`) },
    s('line', { class: 'axis', x1: 20, x2: end, y1: 26, y2: 26 }),
    isFar ? s('line', { class: 'axis broken', x1: end, x2: goal, y1: 26, y2: 26 }) : null, recovered
      ? s('line', { class: 'span', x1: 20, x2: x(recovered.at), y1: 26, y2: 26 }) : null,
    target == null ? null : [s('line', { class: 'target', x1: goal, x2: goal, y1: 4, y2: 36 }),
      s('text', { class: 'target-text', x: goal + 5, y: 14 }, `target ${span(target * 1000)}`)],
    placed.map(mark => s('g', {}, s('line',
          { class: 'mark', x1: x(mark.at), x2: x(mark.at), y1: 19, y2: 40 + mark.lane * 16 }),
        s('text', { x: x(mark.at) + 4, y: 49 + mark.lane * 16 }, s('tspan', { class: 'value' }, instant(mark.sign)),
          ` ${mark.name} ${mark.at ? span(mark.at * 1000) : ''}`)))))
}

const OUTCOMES = ['answered', 'degraded', 'lost', 'shed']

/// What became of each second of a drill, with its instants: bars from t₀ − baseline on.
export function timeline(seconds, { marks = [], fault, now, height = 150 } = {}) {
  const first = Math.min(0, ...seconds.map(second => second.second))
  const last = Math.max(10, now ?? 0, fault?.end ?? 0, ...seconds.map(second => second.second + 1),
    ...marks.map(mark => mark.at))
  const most = Math.max(1, ...seconds.map(({ counts }) => OUTCOMES.reduce((sum, name) => sum + counts[name], 0)))
  const width = 900
  const [left, top, floor] = [34, 26, height + 26]
  const x = second => left + ((second - first) / (last - first)) * (width - left - 8)
  // Above the highest bar there is room in which the time of the fault shows.
  const y = value => floor - (value / most) * height * 0.88
  const shade = fault && { x: x(fault.start).toFixed(1), width: Math.max(0, x(fault.end) - x(fault.start)).toFixed(1) }
  const bar = Math.max(1, x(first + 1) - x(first) - 1)
  const bars = seconds.flatMap(({ second, counts }) => {
    let sum = 0
    return OUTCOMES.filter(name => counts[name]).map(name => {
      const from = sum
      sum += counts[name]
      return s('rect', { class: `bar ${name}`, x: x(second).toFixed(1), y: y(sum).toFixed(1), width: bar.toFixed(1),
          height: (y(from) - y(sum)).toFixed(1) },
        s('title', {}, `${second} s: ${many(counts[name], 'exchange')} ${name}`))
    })
  })
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300].find(size => (last - first) / size <= 14) ?? 600
  const ticks = []
  for (let at = Math.ceil(first / step) * step; at <= last; at += step) ticks.push(at)
  // Instants that stand too close together share one label.
  const clusters = []
  for (const mark of [...marks].sort((one, other) => one.at - other.at)) {
    const place = x(mark.at)
    if (clusters.length && place - clusters.at(-1).place < 34) clusters.at(-1).signs.push(mark.sign)
    else clusters.push({ place, signs: [mark.sign] })
  }
  const lines = marks.map(mark => s('line', { class: 'mark', x1: x(mark.at).toFixed(1), x2: x(mark.at).toFixed(1),
        y1: top - 4, y2: floor }, s('title', {}, `${mark.name}: ${span(mark.at * 1000)} after t₀`)))
  const labels = clusters.map(({ place, signs }) => s('text', { x: place.toFixed(1), y: top - 9 },
      signs.flatMap((sign, place) => [place ? ' ' : null, instant(sign)])))
  return h('figure', { class: 'timeline', tabindex: 0, 'aria-label': 'Exchanges by second' },
    s('svg', { viewBox: `0 0 ${width} ${floor + 22}`, role: 'img', 'aria-label': said(seconds, marks) },
      s('defs', {},
        s('pattern', { id: 'stripes', width: 5, height: 5, patternUnits: 'userSpaceOnUse',
            patternTransform: 'rotate(45)' }, s('rect', { class: 'ground', width: 5, height: 5 }),
          s('rect', { class: 'ink', width: 2, height: 5 })),
        s('pattern', { id: 'dots', width: 5, height: 5, patternUnits: 'userSpaceOnUse' },
          s('rect', { class: 'ground', width: 5, height: 5 }),
          s('circle', { class: 'ink', cx: 2.5, cy: 2.5, r: 1.2 }))),
      fault ? [s('rect', { class: 'fault', ...shade, y: top, height }),
        s('rect', { class: 'fault edge', ...shade, y: top - 3, height: 3 })] : null,
      s('line', { class: 'axis', x1: left, x2: width - 8, y1: floor, y2: floor }),
      s('text', { class: 'tick end', x: left - 5, y: y(most) + 8 }, count(most)),
      s('text', { class: 'tick end', x: left - 5, y: floor }, '0'),
      ticks.map(at => s('text', { class: 'tick', x: x(at).toFixed(1), y: floor + 15 }, `${at} s`)),
      bars, lines, labels),
    h('figcaption', { class: 'legend' },
      OUTCOMES.map(name => h('span', {}, s('svg', { class: 'swatch', viewBox: '0 0 12 12', 'aria-hidden': 'true' },
            s('rect', { class: `bar ${name}`, width: 12, height: 12 })), name)),
      fault ? h('span', {}, s('svg', { class: 'swatch', viewBox: '0 0 12 12', 'aria-hidden': 'true' },
          s('rect', { class: 'fault', width: 12, height: 12 })), 'fault effective') : null,
      h('span', { class: 'quiet' }, 't₀ effective · t', h('sub', {}, 'd'), ' detected · t', h('sub', {}, 'a'),
        ' acted · t', h('sub', {}, 'r'), ' recovered')))
}

function said(seconds, marks) {
  const sums = OUTCOMES.map(name => `${seconds.reduce((sum, { counts }) => sum + counts[name], 0)} ${name}`)
  return `Exchanges by second: ${sums.join(', ')}. ${marks.map(mark => `${mark.name} at ${span(mark.at * 1000)}`).join(', ')}.`
}

/// The same as the picture, for those who read tables.
export function timelineTable(seconds) {
  return h('details', { class: 'numbers' }, h('summary', {}, 'The same as a table'),
    h('div', { class: 'scroll compact', tabindex: 0, role: 'region', 'aria-label': 'Exchanges by second, as a table' },
      h('table', {}, h('thead', {}, h('tr', {},
            ['second', ...OUTCOMES].map(name => h('th', { scope: 'col', class: 'figure' }, name)))),
        h('tbody', {}, seconds.map(({ second, counts }) => h('tr', {}, h('td', { class: 'figure' }, second),
              OUTCOMES.map(name => h('td', { class: 'figure' }, counts[name]))))))))
}
