// Drills: start one, watch it second by second, stop it, and read what it proved.

import { count, download, facts, h, many, note, nothing, percent, refusal, span, state, table, time } from './dom.js'
import { ask, feed, may } from './api.js'
import { action, form, reasonField, spanField, tell } from './forms.js'
import { changed, panel } from './page.js'
import { ruler, timeline, timelineTable } from './charts.js'
import { fallbackState } from './overview.js'
import { takeFigures, traffic } from './traffic.js'

const PATHS = {
  list: '/v1/drills?limit=100', one: id => `/v1/drills/${encodeURIComponent(id)}`, schedules: '/v1/drill-schedules',
  fallbacks: '/v1/fallbacks',
}
const list = () => feed(PATHS.list, 3)
const one = id => feed(PATHS.one(id), 1)
const status = () => feed('/v1/status', 2)
const halt = () => status().value?.drills?.halt
const schedules = () => feed(PATHS.schedules, 15)
const fallbacks = () => feed(PATHS.fallbacks, 30)
const figures = () => feed('/v1/figures', 5, takeFigures)

const LIVE = ['starting', 'baseline', 'fault', 'recovery']
const isLive = drill => LIVE.includes(drill.phase)
const looked = { text: '', poor: false }

export const drills = {
  title: 'Drills', permission: 'drills.read',
  feeds: ([id]) => !id ? [list(), status(), schedules(), fallbacks(), figures()] : id === 'fallbacks' ? [fallbacks()]
    : [one(id)],
  render([id]) {
    if (id === 'fallbacks') return [back(), fallbackPanel()]
    if (id) return [back(), drillPanels(one(id))]
    return [
      h('div', { class: 'lever', key: 'verbs' }, action('Start a drill…', 'drills.start', () => start(),
          { class: 'primary', why: halt()?.halted ? 'All drills are halted: resume first.' : undefined }),
        action('Table-top…', 'drills.start', tabletop), leverState()),
      panel('Runs', list(), ({ items }) => runs(items), undefined,
        { absent: 'This management plane knows no drills.' }),
      fallbackPanel(), schedulePanel(),
    ]
  },
}

const back = () => h('p', { key: 'back' }, h('a', { href: '#/drills' }, '← All drills'))

// MARK: The one safety lever

function leverState() {
  const found = halt()
  if (!found) return null
  const pull = isHalt => form({
    title: isHalt ? 'Halt all drills' : 'Let drills begin again', intro: isHalt
      ? 'Every drill that injects ends now, and none begins until a person resumes. It holds over restarts.'
      : 'Drills and schedules may begin again.',
    fields: [reasonField], submit: isHalt ? 'Halt' : 'Resume', danger: isHalt,
    perform: body => ask('POST', isHalt ? '/v1/drills/halt' : '/v1/drills/resume', { body }),
    done: () => { status().refresh(); list().refresh() },
  })
  return found.halted
    ? [state('bad', 'halted'), h('span', { class: 'quiet' }, `by ${found.by ?? 'somebody'}: ${found.reason ?? ''}, `,
        time(found.since, { ago: true })), action('Resume…', 'drills.start', () => pull(false))]
    : action('Halt all…', 'drills.stop', () => pull(true), { class: 'danger' })
}

// MARK: Lists

const VERDICTS = { pass: 'ok', fail: 'bad', inconclusive: 'unknown' }
const verdict = drill => drill.verdict ? state(VERDICTS[drill.verdict], drill.verdict) : isLive(drill)
  ? state('warn', drill.phase) : state('quiet', drill.phase)
const subject = drill => drill.order
  ? `${drill.order.fault} ${drill.order.target}${drill.order.name ? ` ${drill.order.name}` : ''}${drill.route ? ` on ${drill.route}` : ''}`
  : drill.plan === 'tabletop' ? many(drill.steps.length, 'step') : drill.route ?? ''

function runs(items) {
  const columns = [{ title: 'Drill' }, { title: 'Verdict' }, { title: 'What' }, { title: 'Began' }, { title: 'By' },
    { title: 'Recovery', class: 'figure' }, { title: 'Lost', class: 'figure' }, { title: 'Why so' }]
  const lost = measures => measures ? measures.critical.lost + measures.standard.lost + measures.deferrable.lost : null
  return table(columns, items.map(drill => ({
    key: drill.id, class: isLive(drill) ? 'selected' : '',
    cells: [[h('a', { href: `#/drills/${encodeURIComponent(drill.id)}` }, h('b', {}, drill.plan)),
        h('div', { class: 'quiet' }, drill.id)], verdict(drill), subject(drill), time(drill.began_at), drill.schedule
      ? `schedule ${drill.schedule}` : drill.author, span(drill.measures?.recovery_time), count(lost(drill.measures)),
      drill.because[0] ?? drill.reason],
  })), { empty: 'None yet: what was never killed on purpose is only hoped to survive.', caption: 'Runs of drills' })
}

function fallbackPanel() {
  const columns = [{ title: 'Route' }, { title: 'Fallback' }, { title: 'State' }, { title: 'Passed', class: 'figure' },
    { title: 'At least this reliable', class: 'figure' }, { title: 'Last passed' },
    { title: 'Recovery', class: 'figure' }, { title: 'Changed since' }, { title: '', class: 'act' }]
  return panel('Fallbacks', fallbacks(), ({ items }) => {
    const found = items.filter(fallback => (!looked.poor || fallback.state !== 'tested')
      && `${fallback.route} ${fallback.deployment}`.toLowerCase().includes(looked.text))
    return [
      h('div', { class: 'filters', key: 'filters' },
        h('label', {}, 'Filter ', h('input',
            { type: 'search', placeholder: 'route or deployment',
              on: { input: event => { looked.text = event.target.value.toLowerCase(); changed() } } })),
        h('label', {}, h('input', { type: 'checkbox',
              on: { change: event => { looked.poor = event.target.checked; changed() } } }),
          ' only what is not tested'), h('span', { class: 'quiet', role: 'status' },
          `${count(found.length)} of ${count(items.length)}`)),
      table(columns, found.slice(0, 200).map(fallback => ({
        key: `${fallback.route} ${fallback.deployment}`,
        cells: [fallback.route, fallback.deployment, fallbackState(fallback), count(fallback.passes),
          fallback.confidence_percent == null ? '–' : percent(fallback.confidence_percent),
          time(fallback.last_passed_at, { ago: true }), span(fallback.last_recovery_milliseconds),
          fallback.changes.join('; ') || '–',
          action('Drill…', 'drills.start', () => start({ route: fallback.route }))],
      })), { empty: 'No fallback is like that.', caption: 'Fallbacks', key: 'fallbacks' }),
      found.length > 200 ? note('unknown', `${found.length - 200} more: use the filter.`) : null,
    ]
  }, undefined, { absent: 'No record of fallbacks is kept here: every one of them is untested.' })
}

const OUTCOMES = { started: 'ok', missed: 'warn', refused: 'bad' }

/// They stand in the configuration, so that whoever changes one leaves a generation behind.
function schedulePanel() {
  const columns = [{ title: 'Schedule' }, { title: 'What' }, { title: 'Next' }, { title: 'Announced' },
    { title: 'Last' }, { title: 'Missed', class: 'figure' }]
  return panel('Schedules', schedules(), ({ items }) => table(columns, items.map(item => ({
    key: item.name,
    cells: [h('b', {}, item.name), `${item.plan}${item.route ? ` on ${item.route}` : ''}, ${item.fault}`, item.next_at
      ? time(item.next_at, { ago: true }) : state('unknown', 'never again'), item.announce ? `${item.announce} before`
      : 'no',
      item.last_at ? [state(OUTCOMES[item.last_outcome] ?? 'unknown', item.last_outcome), ' ',
        time(item.last_at, { ago: true }), item.last_drill
        ? [' ', h('a', { href: `#/drills/${item.last_drill}` }, item.last_drill)] : null, item.last_problem
        ? h('div', { class: 'quiet' }, item.last_problem) : null] : 'not due yet', count(item.missed)],
  })), { empty: 'None: a fallback that is drilled by hand alone grows old. Schedules stand under drills in the configuration.',
    caption: 'Schedules' }), undefined, { absent: 'This management plane keeps no schedules.' })
}

// MARK: One drill

function drillPanels(source) {
  const drill = source.value
  if (!drill) return panel('Drill', source, () => null, undefined, { absent: 'There is no such drill.' })
  return [
    panel(drill.plan, source, () => head(drill, source), headButtons(drill)),
    drill.order ? panel('Second by second', source, () => picture(drill, source)) : null,
    drill.measures ? panel('What was measured', source, () => measured(drill.measures)) : null,
    drill.steps.length ? panel('Steps', source, () => steps(drill)) : null,
    drill.gateways.length ? panel('Gateways', source, () => observers(drill)) : null,
  ]
}

function headButtons(drill) {
  const stop = () => form({ title: `Stop ${drill.id}`,
      intro: 'The fault ends at every gateway, and what was measured so far is kept.', fields: [reasonField],
      submit: 'Stop the drill', danger: true, perform: body => ask('POST', `${PATHS.one(drill.id)}/stop`, { body }),
      done: () => one(drill.id).refresh() })
  const save = async () => {
    try {
      download(`${drill.id}.evidence.json`, 'application/json',
        (await ask('GET', `${PATHS.one(drill.id)}/evidence`, { text: true })).value)
    } catch (problem) {
      tell(problem.title, refusal(problem))
    }
  }
  return [
    isLive(drill) || drill.phase === 'tabletop' ? action('Stop…', 'drills.stop', stop, { class: 'danger' }) : null,
    drill.phase === 'done' ? [action('Evidence, signed', 'evidence.read', save),
      action('Run it again…', 'drills.start', () => start({ route: drill.route, plan: drill.plan }))] : null,
  ]
}

function head(drill, source) {
  const { order } = drill
  return [
    h('p', { class: 'verdict' }, verdict(drill), drill.because.length ? ` ${drill.because[0]}` : isLive(drill)
      ? ` ${LIVE_WORDS[drill.phase]}` : ''),
    drill.because.length > 1 ? h('ul', {}, drill.because.slice(1).map(reason => h('li', {}, reason))) : null,
    drill.mend ? h('p', {}, h('b', {}, 'Mend: '), drill.mend) : null,
    drill.phase === 'fault' ? lease(drill, source) : null,
    facts([
      ['What', subject(drill)], order ? ['Share and lease',
        `${order.share_percent} %, for ${span(order.lease_milliseconds)} at most`] : null,
      order?.probes_per_second ? ['Probes', `${order.probes_per_second} a second`] : null, order
        ? ['Stops by itself', `at ${order.stop_lost_critical} critical lost, or ${order.stop_lost_percent} % of all`]
        : null,
      ['By', drill.schedule ? `schedule ${drill.schedule}` : drill.author], ['Why', drill.reason],
      ['Announced', drill.is_announced ? 'yes' : 'no'], ['Generation', drill.generation],
      ['Began', time(drill.began_at)], drill.ended_at ? ['Ended', time(drill.ended_at)] : null,
      ['Id', h('code', {}, drill.id)],
    ]),
  ]
}

const LIVE_WORDS = {
  starting: 'no gateway has the order yet', baseline: 'gateways look on: is the state steady?',
  fault: 'the fault is effective',
  recovery: 'the fault has ended; what follows is looked at',
}

const observed = drill => drill.gateways.map(gateway => gateway.observation).filter(Boolean)

/// Counted on from what the gateway said last: it holds the lease, and this is only what its clock must say by now.
function lease(drill, source) {
  const age = Math.max(...observed(drill).map(observation => observation.age_milliseconds ?? -Infinity))
    + (source.age ?? 0)
  if (!Number.isFinite(age)) return null
  const left = Math.max(0, drill.order.lease_milliseconds - age)
  return h('div', { key: 'lease' }, h('p', {}, h('span', { class: 'countdown' }, `${Math.ceil(left / 1000)} s`),
      h('span', { class: 'quiet' },
        ' of the lease are left: the fault then ends by itself, whatever becomes of this management plane')),
    h('div', { class: 'lease', role: 'progressbar', 'aria-label': 'Lease', 'aria-valuemin': 0, 'aria-valuemax': 100,
        'aria-valuenow': Math.round((left / drill.order.lease_milliseconds) * 100) },
      h('div', { style: { width: `${(left / drill.order.lease_milliseconds) * 100}%` } })))
}

function picture(drill) {
  const { measures, order } = drill
  if (!drill.seconds.length) return nothing('Nothing was observed so far.')
  const ends = observed(drill).map(observation => observation.ended_after_milliseconds).filter(value => value != null)
  const newest = Math.max(...drill.seconds.map(second => second.second)) + 1
  const end = ends.length ? Math.max(...ends) / 1000 : isLive(drill) ? Math.max(0, newest)
    : Math.min(order.lease_milliseconds / 1000, newest)
  const marks = [['t₀', 'effective', newest > 0 ? 0 : null], ['t_d', 'detected', measures?.detected_after],
    ['t_a', 'acted', measures?.acted_after], ['t_r', 'recovered', measures?.recovered_after]]
    .filter(([, , at]) => at != null).map(([sign, name, at]) => ({ sign, name, at: at / 1000 }))
  return [newest > 0 ? ruler(marks, measures?.recovery_target == null ? null : measures.recovery_target / 1000) : null,
    timeline(drill.seconds, { marks, fault: newest > 0 ? { start: 0, end } : null }), timelineTable(drill.seconds)]
}

function measured(measures) {
  const target = measures.recovery_target
  const isMet = target == null || measures.recovery_time == null ? null : measures.recovery_time <= target
  const counts = [['Critical', measures.critical], ['Standard', measures.standard],
    ['Deferrable', measures.deferrable], ['Before t₀', measures.baseline]]
  const sum = measures.answerers.reduce((total, answerer) => total + answerer.count, 0)
  return [
    facts([
      ['Recovery', measures.recovery_time == null ? state('unknown', 'not yet') : isMet == null
        ? span(measures.recovery_time) : state(isMet ? 'ok' : 'bad', span(measures.recovery_time))],
        ['Target', target == null ? 'none' : span(target)],
      ['Detected after', span(measures.detected_after)], ['Acted after', span(measures.acted_after)],
      ['Met the fault', many(measures.met, 'exchange')],
      ['Made by the gateway itself', many(measures.probes, 'probe')],
      ['Steady again', measures.is_steady_again ? state('ok', 'yes') : state('unknown', 'not so far')],
    ]),
    h('div', { class: 'columns' },
      table([{ title: 'Criticality' }, ...['Answered', 'Degraded', 'Lost',
            'Shed'].map(title => ({ title, class: 'figure' }))],
        counts.map(([name, found]) => ({ key: name, cells: [name, count(found.answered), count(found.degraded),
                found.lost ? h('span', { class: 'bad' }, count(found.lost)) : '0', count(found.shed)] })),
        { caption: 'Exchanges by criticality', isCompact: true }),
      table([{ title: 'Answered by' }, { title: 'Exchanges', class: 'figure' }, { title: 'Share', class: 'figure' }],
        measures.answerers.map(answerer => ({ key: answerer.deployment,
              cells: [answerer.deployment, count(answerer.count), percent((answerer.count / sum) * 100)] })),
        { empty: 'Nobody so far.', caption: 'Who answered since t₀', isCompact: true })),
  ]
}

function observers(drill) {
  const columns = [{ title: 'Gateway' }, { title: 'Phase' }, { title: 'Since t₀', class: 'figure' },
    { title: 'Met', class: 'figure' }, { title: 'Ended' }, { title: 'Steady again' }]
  return table(columns, drill.gateways.map(({ id, observation }) => ({
    key: id,
    cells: observation ? [h('b', {}, id), observation.phase, span(observation.age_milliseconds),
      count(observation.met), observation.ended
      ? `${observation.ended} after ${span(observation.ended_after_milliseconds)}` : 'not yet',
      observation.is_steady_again ? state('ok', 'yes') : state('unknown', 'not so far')]
      : [h('b', {}, id), state('unknown', 'says nothing of it'), '–', '–', '–', '–'],
  })), { caption: 'Gateways' })
}

function steps(drill) {
  const tick = place => form({ title: `Step ${place + 1}`, intro: drill.steps[place].text,
      fields: [{ name: 'note', label: 'What came of it', required: true, maxlength: 500 },
        { name: 'worked', label: 'It went as it was to', kind: 'check', value: true }], submit: 'Done',
      perform: ({ note: text, worked }) => ask('POST', `${PATHS.one(drill.id)}/steps/${place + 1}`,
        { body: { note: text, worked: worked ?? false } }), done: () => one(drill.id).refresh() })
  return h('ol', { class: 'ticks' }, drill.steps.map((step, place) => h('li', { key: place },
    step.done_at ? state(step.worked === false ? 'bad' : 'ok', step.worked === false ? 'did not work' : 'done')
      : drill.phase === 'tabletop' ? action('Tick…', 'drills.start', () => tick(place))
      : state('unknown', 'left open'), h('span', {}, step.text),
    step.done_at ? h('span', { class: 'quiet' }, `${step.done_by}, `, time(step.done_at), step.note ? `: ${step.note}`
      : '') : null)))
}

// MARK: Starting one

const PLANS = [['kill-primary', 'kill the primary of a route'], ['kill-deployment', 'kill a deployment'],
  ['kill-provider', 'kill a provider'], ['kill-vendor', 'kill a vendor'], ['kill-jurisdiction', 'kill a jurisdiction'],
  ['kill-local', 'kill what runs on hardware of your own'], ['kill-resolver', 'take the names away'],
  ['kill-control', 'cut the gateways off from this management plane']]
const FAULTS = [['refuse', 'refuse: the connection is refused'], ['silence', 'silence: nothing comes'],
  ['slow', 'slow: each attempt is delayed'], ['cut', 'cut: the answer breaks off'],
  ['revoke', 'revoke: the key is refused'], ['500', '500'], ['503', '503'], ['429', '429']]
const NAMED = { 'kill-deployment': 'deployment', 'kill-provider': 'provider', 'kill-vendor': 'vendor',
  'kill-jurisdiction': 'jurisdiction' }

function drillFields(given) {
  const deployments = [...traffic.deployments.values()]
  const names = [...new Set(deployments.flatMap(one => [one.id, one.id.split('/')[0], one.vendor,
          one.jurisdiction]).filter(Boolean))].sort()
  return [
    { name: 'plan', label: 'Plan', kind: 'select', options: PLANS, value: given.plan },
    { name: 'route', label: 'Route', value: given.route, choices: [...traffic.routes.keys()],
      hint: 'Only exchanges on it meet the fault, and probes ask it.' },
    { name: 'name', label: 'Which one', required: true, value: given.name, choices: names,
      when: values => values.plan in NAMED },
    { name: 'fault', label: 'Fault', kind: 'select', options: FAULTS,
      when: values => !['kill-resolver', 'kill-control'].includes(values.plan) },
    { name: 'delay', label: 'Delay', value: '5s', when: values => values.fault === 'slow' },
    { name: 'share', label: 'Share of the exchanges, in percent', kind: 'number', min: 1, max: 100, value: 100,
      required: true },
    spanField('60s', 'Lease: it ends by itself after', 'lease'),
    { name: 'probes', label: 'Probes a second', kind: 'number', min: 0, max: 50, value: 2,
      hint: 'Made by the gateway, where there is too little traffic to prove anything. They cost what exchanges cost.' },
    { name: 'target', label: 'Recovery target', placeholder: '30s',
      hint: 'Empty: what the map promises, else 30 s, long enough for five good exchanges.' },
    { name: 'sham', label: 'Sham: nothing fails, so whatever it reports is a false alarm', kind: 'check' },
    { name: 'confirmed', label: 'Also where nobody is left to answer: the outage is what is to be seen',
      kind: 'check' },
    { name: 'announced', label: 'Tell those who listen before it begins', kind: 'check', value: true },
  ]
}

function start(given = {}) {
  form({
    title: 'Start a drill', submit: 'Start', danger: true, wide: true, isDense: true,
    intro: 'The fault is injected in the gateways’ own attempts, under a lease that they hold: nobody else’s provider is harmed, and it ends by itself.',
    fields: [...drillFields(given), reasonField],
    perform: body => ask('POST', '/v1/drills', { body }),
    done: ({ value }) => { location.hash = `#/drills/${encodeURIComponent(value.id)}` },
  })
}

function tabletop() {
  form({
    title: 'A table-top drill', submit: 'Start', intro: 'Nothing fails. People go through the steps and tick them.',
    fields: [{ name: 'route', label: 'Route', choices: [...traffic.routes.keys()], hint: 'Where it is about one.' },
      { name: 'steps', label: 'Steps, one a line', kind: 'area', required: true, rows: 7 }, reasonField],
    perform: ({ steps: text, ...rest }) => ask('POST', '/v1/drills',
      { body: { plan: 'tabletop', ...rest, steps: text.split('\n').map(line => line.trim()).filter(Boolean) } }),
    done: ({ value }) => { location.hash = `#/drills/${encodeURIComponent(value.id)}` },
  })
}

export const startDrill = given => may('drills.start') && start(given)
