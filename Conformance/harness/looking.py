"""What can be judged of a page by a program: whether it fits, is named, and is readable."""
from harness.browser import Browser


def overflows(browser: Browser) -> list[str]:
    """What makes the page itself scroll sideways."""
    return browser.run("""
        if (document.documentElement.scrollWidth <= innerWidth) return []
        return [...document.querySelectorAll('body *')].filter(node => node.getBoundingClientRect().right > innerWidth + 1
            && !node.parentElement.closest('.scroll, .graph, .timeline, #nav, .document')).slice(0, 5)
            .map(node => node.outerHTML.slice(0, 120))""")


def unnamed(browser: Browser) -> list[str]:
    """What a screen reader has no word for, and headings that are skipped."""
    return browser.run(r"""
        const name = node => (node.getAttribute('aria-label') ?? '') + node.textContent + (node.labels?.[0]?.textContent ?? '')
        const found = [...document.querySelectorAll('a, button, input, select, textarea, [role=button], [role=img], [role=region]')]
            .filter(node => node.checkVisibility() && !name(node).trim())
        for (const image of document.querySelectorAll('img')) if (!image.hasAttribute('alt')) found.push(image)
        for (const picture of document.querySelectorAll('svg')) {
            if (picture.getAttribute('aria-hidden') !== 'true' && !picture.closest('[aria-label]')) found.push(picture)
        }
        const ids = [...document.querySelectorAll('[id]')].map(node => node.id)
        const doubled = ids.filter((id, place) => ids.indexOf(id) !== place).map(id => `two of the id ${id}`)
        const levels = [...document.querySelectorAll('h1, h2, h3')].map(node => Number(node.nodeName[1]))
        const skips = levels.filter((level, place) => level > (levels[place - 1] ?? 0) + 1).map(level => `a level before h${level} is missing`)
        return [...found.map(node => node.outerHTML.slice(0, 160)), ...doubled, ...skips]""")


def contrasts(browser: Browser) -> list[str]:
    """Text below the contrast that WCAG 2.2 asks for at level AA. What is greyed out on purpose does not count."""
    return browser.run(r"""
        const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
        const parse = colour => {
            canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1)
            const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data
            return [r, g, b, a / 255]
        }
        const over = (top, ground) => top.slice(0, 3).map((value, place) => value * top[3] + ground[place] * (1 - top[3]))
        const light = colour => {
            const [r, g, b] = colour.map(value => value / 255).map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
            return 0.2126 * r + 0.7152 * g + 0.0722 * b
        }
        const groundOf = node => {
            const layers = []
            for (let at = node; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor))
            return layers.reverse().reduce((ground, layer) => over(layer, ground), [255, 255, 255])
        }
        const found = new Set()
        for (const node of document.querySelectorAll('body *')) {
            const text = [...node.childNodes].filter(child => child.nodeType === 3).map(child => child.data).join('').trim()
            if (!text || !node.checkVisibility() || node.closest('.visually-hidden, .stale, [aria-disabled=true], :disabled, svg, .old, noscript, .skip')) continue
            const style = getComputedStyle(node)
            const ground = groundOf(node)
            const [one, other] = [light(over(parse(style.color), ground)), light(ground)]
            const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
            const size = parseFloat(style.fontSize)
            const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
            if (ratio < (isLarge ? 3 : 4.5)) found.add(`${ratio.toFixed(2)}: ${node.className} "${text.slice(0, 40)}"`)
        }
        return [...found].slice(0, 10)""")


def names(browser: Browser, selector: str) -> list[str]:
    """The elements of these kinds that stand directly in the shell."""
    return browser.run(
        "return [...document.querySelectorAll('.shell > ' + arguments[0].split(', ').join(', .shell > '))]"
        ".map(node => node.nodeName)", selector)
