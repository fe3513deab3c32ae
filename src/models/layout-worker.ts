import { TSNE } from '@saehrimnir/druidjs'
import { UMAP } from 'umap-js'
import { Random } from '../kernels/random.ts'
import { serve, Transfer } from '../worker.ts'
import type { Matrix } from './model.ts'
import type { Near } from './placement.ts'

/** What is laid out, and how. */
export type Layout = UmapLayout | TsneLayout

interface AnyLayout {
  /** Coordinates of a point. */
  readonly dimensions: number
  /** For the points that it starts from, and for whatever else is random. */
  readonly seed: number
}

/** A layout by UMAP, of which the neighbours are all that counts. */
export interface UmapLayout extends AnyLayout {
  /** UMAP. */
  readonly method: 'umap'
  /** The nearest other rows of each row. */
  readonly neighbors: Near
  /** Least distance of points. */
  readonly minDist: number
  /** Passes over the neighbours; by default 200 to 500, the fewer the more rows. */
  readonly epochs?: number
}

/** A layout by t-SNE, of squared Euclidean distances. */
export interface TsneLayout extends AnyLayout {
  /** t-SNE. */
  readonly method: 'tsne'
  /** The rows. */
  readonly rows: Matrix
  /** Neighbours that count for a row, as the exponential of an entropy. */
  readonly perplexity: number
  /** Length of the steps. */
  readonly learningRate: number
  /** Steps. */
  readonly iterations: number
}

/** How far a layout is. */
export interface LayoutProgress {
  /** Epochs or iterations so far. */
  readonly done: number
  /** All of them. */
  readonly total: number
}

/** A layout in work. */
interface Run {
  readonly total: number
  readonly step: () => void
  readonly points: () => readonly (readonly number[])[]
}

/** How long one call takes steps, in milliseconds: often enough to show and to stop. */
const turnMs = 200

let run: Run | undefined
let done = 0

function begin(layout: Layout): LayoutProgress {
  run = layout.method === 'umap' ? umap(layout) : tsne(layout)
  done = 0
  return { done, total: run.total }
}

function step(): LayoutProgress {
  const { total, step } = begun()
  const until = performance.now() + turnMs
  do step()
  while (++done < total && performance.now() < until)
  return { done, total }
}

/** The points so far, row after row. */
function points(): Transfer<Float64Array> {
  const values = Float64Array.from(begun().points().flat())
  return new Transfer(values, [values.buffer])
}

/** umap-js is given the neighbours, exact ones, and so needs no rows; it counts a row as its own first neighbour. */
function umap({ neighbors, dimensions, minDist, epochs, seed }: Layout & { method: 'umap' }): Run {
  const { k, rows, distances } = neighbors
  const numRows = rows.length / k
  const random = new Random(seed)
  const layout = new UMAP({
    nNeighbors: k + 1,
    nComponents: dimensions,
    minDist,
    ...(epochs !== undefined && { nEpochs: epochs }),
    random: () => random.uniform(),
  })
  const each = Array.from({ length: numRows }, (_, row) => row)
  layout.setPrecomputedKNN(
    each.map((row) => [row, ...rows.subarray(row * k, (row + 1) * k)]),
    each.map((row) => [0, ...distances.subarray(row * k, (row + 1) * k)]),
  )
  const total = layout.initializeFit(each.map(() => []))
  return { total, step: () => layout.step(), points: () => layout.getEmbedding() }
}

function tsne(layout: Layout & { method: 'tsne' }): Run {
  const { rows, perplexity, dimensions, learningRate, iterations, seed } = layout
  const { columns, values } = rows
  const each = Array.from({ length: rows.rows }, (_, row) =>
    Float64Array.from(values.subarray(row * columns, (row + 1) * columns)),
  )
  const model = new TSNE(each, { perplexity, epsilon: learningRate, d: dimensions, seed })
  const steps = model.generator(iterations)
  return {
    total: iterations,
    step: () => steps.next(),
    points: () => model.projection.map((point) => [...point]),
  }
}

function begun(): Run {
  if (run) return run
  throw new Error('Expected a layout that was begun')
}

const methods = { begin, step, points }

/** What the layout worker answers. */
export type LayoutMethods = typeof methods

serve(methods)
