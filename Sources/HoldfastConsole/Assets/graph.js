// A layered graph as SVG: columns from left to right, rows ordered so that few lines cross.

import { h, s } from './dom.js'

const [WIDTH, HEIGHT, GAP, ROW, TOP] = [140, 24, 26, 31, 34]
/// The picture shrinks to its place, down to this; a smaller one could not be read, and is scrolled.
const SMALLEST = 0.78

/// - Parameters:
///   - nodes: `{id, label, layer, level, sign, title}`; `layer` is a column's place.
///   - edges: `{from, to, isObserved}` by ids.
function layout(nodes, edges) {
  const columns = Map.groupBy([...nodes].sort((one, other) => one.label.localeCompare(other.label)), node => node.layer)
  const layers = [...columns.keys()].sort((one, other) => one - other).map(layer => columns.get(layer))
  const near = new Map(nodes.map(node => [node.id, []]))
  for (const { from, to } of edges) {
    near.get(from)?.push(to)
    near.get(to)?.push(from)
  }
  const place = new Map()
  const settle = () => layers.forEach(layer => layer.forEach((node, row) => place.set(node.id,
        row / Math.max(1, layer.length - 1))))
  settle()
  // Each column by the mean place of its neighbours, from the left and from the right in turn.
  for (let sweep = 0; sweep < 6; sweep++) {
    for (const layer of sweep % 2 ? layers.toReversed() : layers) {
      const mean = new Map(layer.map(node => {
        const others = near.get(node.id).filter(id => place.has(id))
        return [node.id, others.length ? others.reduce((sum, id) => sum + place.get(id), 0) / others.length
          : place.get(node.id)]
      }))
      layer.sort((one, other) => mean.get(one.id) - mean.get(other.id) || one.label.localeCompare(other.label))
      layer.forEach((node, row) => place.set(node.id, row / Math.max(1, layer.length - 1)))
    }
  }
  const rows = Math.max(1, ...layers.map(layer => layer.length))
  const at = new Map()
  layers.forEach((layer, column) => layer.forEach((node, row) => at.set(node.id, {
    x: 12 + column * (WIDTH + GAP), y: TOP + ((rows - layer.length) / 2 + row) * ROW, column, row,
  })))
  return { at, layers, width: 24 + layers.length * WIDTH + (layers.length - 1) * GAP, height: TOP + rows * ROW + 8 }
}

const clipped = text => text.length > 19 ? `${text.slice(0, 18)}…` : text

let roving = null

/// - Parameters:
///   - headings: of the columns, by layer.
///   - lit: ids that are lit while something is chosen; nil: nothing is.
///   - choose: told of the node that was clicked, or entered by key.
export function graph(nodes, edges, { headings, lit, chosen, choose, label }) {
  const { at, layers, width, height } = layout(nodes, edges)
  const shown = new Map(nodes.map(node => [node.id, node]))
  const lines = edges.filter(({ from, to }) => at.has(from) && at.has(to)).map(({ from, to, isObserved }) => {
    const [a, b] = [at.get(from), at.get(to)].sort((one, other) => one.x - other.x)
    const [x1, y1, x2, y2] = [a.x + WIDTH, a.y + HEIGHT / 2, b.x, b.y + HEIGHT / 2]
    const bend = Math.max(24, (x2 - x1) / 2)
    const isLit = lit?.has(from) && lit?.has(to)
    const isCut = [from, to].every(id => ['cut', 'gone'].includes(shown.get(id).level))
    return s('path', {
      class: ['edge', isObserved ? 'observed' : '', isCut ? 'cut' : isLit ? 'lit' : lit ? 'dim' : ''].join(' '),
      key: `${from}\n${to}`,
      d: a.column === b.column ? `M${x1} ${y1}C${x1 + 40} ${y1},${x1 + 40} ${y2},${x1} ${y2}`
        : `M${x1} ${y1}C${x1 + bend} ${y1},${x2 - bend} ${y2},${x2} ${y2}`,
    })
  })
  // One of them is in the order of the Tab key; the arrows go on from there.
  const first = [roving, chosen].find(id => shown.has(id)) ?? layers[0]?.[0]?.id
  const boxes = layers.flat().map(node => {
    const { x, y } = at.get(node.id)
    const state = lit ? (lit.has(node.id) ? 'lit' : 'dim') : ''
    return s('g', {
      class: `node ${node.level ?? ''} ${node.level ? '' : state}`, key: node.id, 'data-id': node.id,
      tabindex: node.id === first ? 0 : -1, role: 'button', 'aria-label': node.title,
      'aria-pressed': String(node.id === chosen), transform: `translate(${x} ${y})`,
      on: { click: () => choose(node.id), keydown: event => move(event, node.id, at, layers, choose) },
    }, s('title', {}, node.title), s('rect', { width: WIDTH, height: HEIGHT, rx: 5 }),
    s('text', { x: 8, y: 16 }, node.sign ? s('tspan', { class: 'sign' }, `${node.sign} `) : null, clipped(node.label)))
  })
  return h('div', { class: 'graph', key: 'graph', role: 'group', tabindex: 0, 'aria-label': label },
    s('svg', { viewBox: `0 0 ${width} ${height}`, style: { 'min-width': `${width * SMALLEST}px` } },
      layers.map((layer, column) => s('text', { class: 'heading', x: 12 + column * (WIDTH + GAP), y: 20 },
          headings[layer[0].layer])), lines, boxes))
}

function move(event, id, at, layers, choose) {
  const { column, row } = at.get(id)
  const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key]
  if (event.key === 'Enter' || event.key === ' ') {
    event.preventDefault()
    return choose(id)
  }
  if (!step) return
  event.preventDefault()
  const layer = layers[Math.min(layers.length - 1, Math.max(0, column + step[0]))]
  const next = layer[step[0] ? Math.round((row / Math.max(1, layers[column].length - 1)) * (layer.length - 1))
    : Math.min(layer.length - 1, Math.max(0, row + step[1]))]
  roving = next.id
  const nodes = [...event.currentTarget.parentNode.querySelectorAll('.node')]
  for (const node of nodes) node.setAttribute('tabindex', node.dataset.id === next.id ? 0 : -1)
  nodes.find(node => node.dataset.id === next.id)?.focus()
}

/// Everything that can be reached along the edges, forwards or backwards.
export function reach(start, edges, isForwards) {
  const next = Map.groupBy(edges, edge => isForwards ? edge.from : edge.to)
  const found = new Set([start])
  const open = [start]
  while (open.length) {
    for (const edge of next.get(open.pop()) ?? []) {
      const id = isForwards ? edge.to : edge.from
      if (!found.has(id)) open.push(id)
      found.add(id)
    }
  }
  return found
}
