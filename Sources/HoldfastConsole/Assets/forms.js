// What changes something: a button that says why it may not be used, and a dialog that asks, does, and shows refusals.

import { announce, copy, h, put, refusal } from './dom.js'
import { may, session } from './api.js'

/// - Parameter permission: without it the button stays, and says who may.
export function action(label, permission, run, { class: look = '', why } = {}) {
  const reason = why ?? (permission && !may(permission)
    ? `Your token is of the kind ${session.view?.kind ?? 'unknown'}, which has not ${permission}.` : null)
  return h('button', {
    type: 'button', class: look, 'aria-disabled': reason ? 'true' : null, title: reason,
    on: { click: event => (reason ? announce(reason) : run(event)) },
  }, label)
}

export const reasonField = {
  name: 'reason', label: 'Why', required: true, maxlength: 500,
  hint: 'For whoever reads it later; it is in the audit log for good.',
}

export const spanField = (value, label = 'For how long', name = 'for') => ({
  name, label, value, required: true, hint: 'Such as 30m, 2h or 7d.', pattern: '[0-9]{1,9}(\\.[0-9]{1,9})?(ms|s|m|h|d)',
})

/// Asks in a dialog. Each field is `{name, label, kind, value, hint, options, required, when}`, `kind` one of `text` (the
/// default), `area`, `select`, `number`, `check`; `when(values)` says whether it is asked at all.
///
/// - Parameters:
///   - perform: does it; what it throws is shown, and nothing that was typed is lost.
///   - isDense: two fields beside each other, where there is room.
export function form({ title, intro, fields, submit, danger, perform, done, wide, isDense }) {
  const opener = document.activeElement
  const inputs = new Map()
  const rows = new Map()
  const problems = h('div', {})
  const button = h('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, submit)

  const values = () => {
    const found = {}
    for (const field of fields) {
      if (rows.get(field.name).hidden) continue
      const input = inputs.get(field.name)
      const value = field.kind === 'check' ? input.checked : input.value
      if (field.kind === 'check' ? value : value !== '') found[field.name] = field.kind === 'number' ? Number(value)
        : value
    }
    return found
  }
  const show = () => {
    for (const field of fields) {
      if (!field.when) continue
      const isAsked = field.when(values())
      rows.get(field.name).hidden = !isAsked
      inputs.get(field.name).disabled = !isAsked
    }
  }
  for (const field of fields) rows.set(field.name, row(field, inputs))

  const dialog = h('dialog', { class: wide ? 'wide' : '', 'aria-labelledby': 'dialog-title' },
    h('form', { method: 'dialog', on: { input: show, change: show, submit: attempt } },
      h('h2', { id: 'dialog-title' }, title), intro ? h('p', { class: 'quiet' }, intro) : null,
      h('div', { class: isDense ? 'fields dense' : 'fields' }, [...rows.values()]), problems,
      h('div', { class: 'buttons' }, h('button', { type: 'button', on: { click: () => dialog.close() } }, 'Leave it'),
        button)),
  )

  async function attempt(event) {
    event.preventDefault()
    button.disabled = true
    for (const one of dialog.querySelectorAll('.field-problem')) one.remove()
    put(problems)
    try {
      const result = await perform(values())
      dialog.close()
      announce(`${submit}: done`)
      done?.(result)
    } catch (problem) {
      if (!problem.title) throw problem
      const rest = placed(problem, rows, inputs)
      put(problems, rest ? refusal(problem) : null)
      if (rest) problems.scrollIntoView({ block: 'nearest' })
    } finally {
      button.disabled = false
    }
  }

  open(dialog, opener)
  show()
  return dialog
}

function row(field, inputs) {
  const id = `field-${field.name}`
  const hint = field.hint ? h('small', { id: `${id}-hint` }, field.hint) : null
  const props = {
    id, name: field.name, required: field.required, maxlength: field.maxlength, pattern: field.pattern,
    list: field.list,
    min: field.min, max: field.max, placeholder: field.placeholder, autocomplete: 'off', spellcheck: 'false',
    'aria-describedby': hint ? hint.id : null,
  }
  let input
  if (field.kind === 'area') input = h('textarea', { ...props, rows: field.rows ?? 6, value: field.value ?? '' })
  else if (field.kind === 'select') {
    input = h('select', props, field.options.map(option => {
      const [value, text] = Array.isArray(option) ? option : [option, option]
      return h('option', { value, selected: value === field.value }, text)
    }))
  } else if (field.kind === 'check') input = h('input', { ...props, type: 'checkbox', checked: field.value ?? false })
  else input = h('input', { ...props, type: field.kind === 'number' ? 'number' : 'text', value: field.value ?? '' })
  inputs.set(field.name, input)
  const list = field.choices ? h('datalist', { id: `${id}-choices` },
    field.choices.map(choice => h('option', { value: choice }))) : null
  if (list) input.setAttribute('list', list.id)
  const label = h('label', { for: id }, field.label)
  return h('div', { class: field.kind === 'check' ? 'field check' : 'field' },
    field.kind === 'check' ? [input, label] : [label, input], hint, list)
}

/// Puts what is wrong with a field beside it. Returns whether something is left to be said.
function placed(problem, rows, inputs) {
  let rest = !problem.fields?.length
  for (const { field, message, mend } of problem.fields ?? []) {
    const name = field.split('.').at(-1)
    const place = rows.get(name)
    if (!place || place.hidden) {
      rest = true
      continue
    }
    place.append(h('p', { class: 'field-problem', role: 'alert' }, `${message}: ${mend}`))
    inputs.get(name).focus()
  }
  return rest
}

function open(dialog, opener) {
  dialog.addEventListener('close', () => {
    dialog.remove()
    if (opener?.isConnected) opener.focus()
  })
  document.body.append(dialog)
  dialog.showModal()
}

/// Something to read, in a dialog of its own.
export function tell(title, ...content) {
  const opener = document.activeElement
  const dialog = h('dialog', { class: 'wide', 'aria-labelledby': 'dialog-title' },
    h('h2', { id: 'dialog-title' }, title), content,
    h('div', { class: 'buttons' }, h('button',
        { type: 'button', class: 'primary', on: { click: () => dialog.close() } }, 'Close')))
  open(dialog, opener)
  return dialog
}

/// A secret, which is in this answer and nowhere else.
export function showSecret(title, text, where) {
  tell(title,
    h('p', {}, 'It is shown this once and nowhere kept: whoever closes this without it needs another one.'),
    h('pre', { class: 'secret', tabindex: 0 }, text),
    h('p', {}, h('button', { type: 'button', on: { click: event => copy(text, event.currentTarget) } }, 'Copy'), ' ',
      where))
}
