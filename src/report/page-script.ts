/*
 * The page's script, typed and linted like the rest; `scriptText` puts the source of these functions into
 * the page. So they use the browser and each other only: no import at run time, no value beside them.
 */
import type { PageCanvas, PageContext, PageDocument, PageElement, PageWindow } from './dom.ts'
import type { MapState } from './map-state.ts'
import type { Payload, PayloadItem } from './payload.ts'

declare const document: PageDocument
declare const window: PageWindow

/** Runs once the page is there. */
export function startPage(): void {
  const payload = JSON.parse(document.getElementById('payload')?.textContent ?? '') as Payload
  for (const element of document.querySelectorAll('img[data-item]')) {
    const url = payload.pictures[Number(element.dataset['item'])]
    if (url) element.setAttribute('src', url)
  }
  const canvas = document.querySelector('#map canvas') as PageCanvas | null
  const context = canvas?.getContext('2d')
  if (canvas && context) startMap(payload, canvas, context)
}

/** Sets the map up. */
export function startMap(payload: Payload, canvas: PageCanvas, context: PageContext): void {
  const points = [...payload.items.keys()].filter((i) => payload.items[i]?.at)
  const unit = Float32Array.from(points.flatMap((i) => payload.items[i]?.at ?? []))
  const view = { scale: 1, x: 0.5, y: 0.5 }
  const size = { width: 0, height: 0 }
  const common = { payload, points, unit, canvas, context, view, size }
  const map: MapState = { ...common, off: new Set(), hover: -1, pinned: -1 }
  listenToPointer(map)
  listenToKeys(map)
  listenToButtons(map)
  function redraw(): void {
    drawMap(map)
  }
  window.addEventListener('resize', redraw)
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)
  redraw()
}

/** Draws all points, and the marks of the two looked at. */
export function drawMap(map: MapState): void {
  const { canvas, context, points, payload, off } = map
  const ratio = window.devicePixelRatio
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  map.size = { width, height }
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  context.globalAlpha = 0.85
  const style = window.getComputedStyle(canvas)
  const colours = payload.categories.map((c) => style.getPropertyValue(`--c${String(c.colour)}`))
  const radius = points.length > 2000 ? 2.5 : points.length > 400 ? 3.5 : 5
  for (let point = 0; point < points.length; point++) {
    const category = payload.items[points[point] ?? 0]?.category ?? 0
    if (off.has(category)) continue
    const [x, y] = screenAt(map, point)
    context.fillStyle = colours[category] ?? ''
    context.beginPath()
    context.arc(x, y, radius, 0, 2 * Math.PI)
    context.fill()
  }
  canvas.style.touchAction = map.view.scale > 1 ? 'none' : 'pan-y pinch-zoom'
  placeMarks(map)
}

/** Where a point is in the canvas, in CSS pixels. */
export function screenAt({ unit, view, size }: MapState, point: number): [number, number] {
  const [width, height] = [size.width - 32, size.height - 32] // a margin of 16
  const x = ((unit[2 * point] ?? 0) - view.x) * view.scale + 0.5
  const y = ((unit[2 * point + 1] ?? 0) - view.y) * view.scale + 0.5
  return [16 + x * width, 16 + y * height]
}

/** Puts rings around the two points, and the tip beside the one hovered over. */
export function placeMarks(map: MapState): void {
  for (const [name, point] of [
    ['hover', map.hover],
    ['pinned', map.pinned],
  ] as const) {
    const ring = document.querySelector(`#map .ring.${name}`)
    if (!ring) continue
    const [x, y] = screenAt(map, point)
    const inside = x >= 0 && y >= 0 && x <= map.size.width && y <= map.size.height
    ring.hidden = point < 0 || !inside
    ring.style.transform = `translate(${String(x)}px, ${String(y)}px)`
  }
  const tip = document.querySelector('#map .tip')
  if (!tip) return
  const item = map.payload.items[map.points[map.hover] ?? -1]
  tip.hidden = !item || map.hover === map.pinned
  if (!item || tip.hidden) return
  tip.replaceChildren(...describe(map, map.hover, false))
  const [x, y] = screenAt(map, map.hover)
  const left = x + 14 + tip.clientWidth > map.size.width ? x - 14 - tip.clientWidth : x + 14
  const top = Math.min(y + 8, map.size.height - tip.clientHeight)
  tip.style.transform = `translate(${String(Math.max(0, left))}px, ${String(Math.max(0, top))}px)`
}

/** The visible point nearest to a place in the window, at most `reach` pixels away; −1 if none is. */
export function pointAt(map: MapState, clientX: number, clientY: number, reach: number): number {
  const box = map.canvas.getBoundingClientRect()
  let least = reach * reach
  let found = -1
  for (let point = 0; point < map.points.length; point++) {
    if (isOff(map, point)) continue
    const [x, y] = screenAt(map, point)
    const distance = (x - clientX + box.left) ** 2 + (y - clientY + box.top) ** 2
    if (distance > least) continue
    least = distance
    found = point
  }
  return found
}

/** Whether the legend hides a point. */
export function isOff({ payload, points, off }: MapState, point: number): boolean {
  return off.has(payload.items[points[point] ?? -1]?.category ?? -1)
}

/** Hovering shows, a click or a tap pins, dragging moves a magnified map, the wheel with control magnifies. */
export function listenToPointer(map: MapState): void {
  const { canvas } = map
  let from = { x: 0, y: 0 }
  let moved = false
  canvas.addEventListener('pointerdown', (event) => {
    from = { x: event.clientX, y: event.clientY }
    moved = false
  })
  canvas.addEventListener('pointermove', (event) => {
    if (event.buttons === 1 && map.view.scale > 1) {
      const [dx, dy] = [event.clientX - from.x, event.clientY - from.y]
      moved ||= Math.abs(dx) + Math.abs(dy) > 4
      from = { x: event.clientX, y: event.clientY }
      const { scale, x, y } = map.view
      zoomTo(map, scale, x - dx / map.size.width / scale, y - dy / map.size.height / scale)
    } else {
      map.hover = pointAt(map, event.clientX, event.clientY, 16)
      placeMarks(map)
    }
  })
  canvas.addEventListener('pointerleave', () => {
    map.hover = -1
    placeMarks(map)
  })
  canvas.addEventListener('click', (event) => {
    if (!moved) pin(map, pointAt(map, event.clientX, event.clientY, 24))
  })
  canvas.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      zoomTo(map, map.view.scale * Math.exp(-event.deltaY / 200), map.view.x, map.view.y)
    },
    { passive: false },
  )
}

/** Arrows go to the next point in their direction, Enter pins it, Escape lets go, + − 0 magnify. */
export function listenToKeys(map: MapState): void {
  const steps: Readonly<Record<string, readonly [number, number]>> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  }
  const factors: Readonly<Record<string, number>> = { '+': 1.5, '=': 1.5, '-': 1 / 1.5, '0': 0 }
  map.canvas.addEventListener('keydown', (event) => {
    const step = steps[event.key]
    const factor = factors[event.key]
    if (step) map.hover = neighbour(map, step)
    else if (event.key === 'Enter' || event.key === ' ') pin(map, map.hover)
    else if (event.key === 'Escape') pin(map, -1)
    else if (factor !== undefined) zoomBy(map, factor)
    else return
    event.preventDefault()
    placeMarks(map)
  })
}

/** The nearest point that lies in a direction, seen from the one looked at; that one itself if none does. */
export function neighbour(map: MapState, [dx, dy]: readonly [number, number]): number {
  const start = map.hover >= 0 ? map.hover : map.pinned
  if (start < 0) return map.points.findIndex((_, point) => !isOff(map, point))
  const [x0, y0] = screenAt(map, start)
  let least = Infinity
  let found = start
  for (let point = 0; point < map.points.length; point++) {
    if (point === start || isOff(map, point)) continue
    const [x, y] = screenAt(map, point)
    const along = (x - x0) * dx + (y - y0) * dy
    const across = Math.abs((x - x0) * dy) + Math.abs((y - y0) * dx)
    if (along < 0.5 || along + 2 * across >= least) continue
    least = along + 2 * across
    found = point
  }
  return found
}

/** The legend's buttons switch categories, the others magnify. */
export function listenToButtons(map: MapState): void {
  const legend = [...document.querySelectorAll('#map [data-category]')]
  function show(categories: Iterable<number>): void {
    map.off.clear()
    for (const category of categories) map.off.add(category)
    legend.forEach((button, i) => {
      button.setAttribute('aria-pressed', String(!map.off.has(i)))
    })
    drawMap(map)
  }
  legend.forEach((button, i) => {
    button.addEventListener('click', () => {
      const off = new Set(map.off)
      if (!off.delete(i)) off.add(i)
      show(off)
    })
  })
  document.querySelector('#map [data-all]')?.addEventListener('click', () => {
    show(map.off.size > 0 ? [] : legend.keys())
  })
  for (const button of document.querySelectorAll('#map [data-zoom]'))
    button.addEventListener('click', () => {
      zoomBy(map, Number(button.dataset['zoom']))
    })
}

/** Magnifies around the pinned point, else the middle; 0 shows the whole. */
export function zoomBy(map: MapState, factor: number): void {
  const { scale, x, y } = map.view
  const [px, py] = [map.unit[2 * map.pinned] ?? x, map.unit[2 * map.pinned + 1] ?? y]
  zoomTo(map, scale * factor, factor > 1 ? px : x, factor > 1 ? py : y)
}

/** Shows the map at a scale (1 to 64) around a place, without leaving it. */
export function zoomTo(map: MapState, scale: number, x: number, y: number): void {
  const clamped = Math.min(64, Math.max(1, scale))
  const edge = 0.5 / clamped
  const [u, v] = [Math.max(edge, Math.min(1 - edge, x)), Math.max(edge, Math.min(1 - edge, y))]
  map.view = { scale: clamped, x: u, y: v }
  drawMap(map)
}

/** Shows a point in the panel; −1 empties it. */
export function pin(map: MapState, point: number): void {
  map.pinned = point
  const panel = document.querySelector('#map .pinned-item')
  const hint = document.querySelector('#map .hint')
  panel?.replaceChildren(...(point < 0 ? [] : describe(map, point, true)))
  if (hint) hint.hidden = point >= 0
  placeMarks(map)
}

/** The picture of a point and what is known of it, in short or at length. */
export function describe(map: MapState, point: number, long: boolean): PageElement[] {
  const index = map.points[point] ?? -1
  const item = map.payload.items[index]
  const url = map.payload.pictures[index]
  if (!item) return []
  const picture = document.createElement(url ? 'img' : 'p')
  if (url) {
    picture.setAttribute('src', url)
    picture.setAttribute('alt', item.id)
  } else {
    picture.className = 'no-picture'
    picture.textContent = 'no picture here'
  }
  const name = document.createElement('bdi')
  name.className = 'id'
  name.textContent = item.id
  return [picture, name, facts(item, long)]
}

/** A description list of an item's fields. */
export function facts(item: PayloadItem, long: boolean): PageElement {
  const list = document.createElement('dl')
  function add(term: string, value: PageElement | string | null): void {
    if (value === null) return
    const name = document.createElement('dt')
    const text = document.createElement('dd')
    name.textContent = term
    text.append(value)
    list.append(name, text)
  }
  add('label', item.label)
  if (long) add('split', item.split)
  if (long) add('size', item.pixels)
  add('familiarity', item.score)
  for (const group of long ? item.groups : []) {
    const link = document.createElement('a')
    link.setAttribute('href', `#${group}`)
    link.textContent = group.replace('-', ' ')
    add('group', link)
  }
  return list
}
