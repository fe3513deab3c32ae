import type { RecordBatch } from 'apache-arrow'
import { column } from '../batch/batch.ts'
import { OptionError } from '../errors.ts'
import { knownOptions, positiveInteger, wholeNumber } from '../options.ts'
import type { PageChoice, PageData, PageSummary } from './page-data.ts'
import { PageSelection, shownItems } from './page-selection.ts'
import { PictureBudget } from './picture-budget.ts'
import { renderPage } from './render-page.ts'

type Batches = Iterable<RecordBatch> | AsyncIterable<RecordBatch>

/** The tables that the page is made of, each read once, in this order. */
export interface PageTables {
  /** Rows of `groups.parquet`: members of one group together, numbers ascending within a kind. */
  readonly groups: Batches
  /** Rows of `items.parquet`; `id`, and of `label`, `split`, `width`, `height`, `familiarity`, `familiarity_percentile`, `x`, `y` those that are there. */
  readonly items: Batches
  /** Rows of `rejects.parquet`. */
  readonly rejects: Batches
  /** Returns rows with `id` and `thumbnail` (Binary: WebP, JPEG or PNG). More than `ids`, and nulls, are passed over. */
  readonly thumbnails: (ids: ReadonlySet<string>) => Batches
  /** Counts and how they were made. */
  readonly summary: PageSummary
}

export interface ReportPageOptions {
  /**
   * Seed of the sample on the map.
   *
   * @default 0
   */
  readonly seed?: number
  /**
   * Most bytes of the page. Thumbnails are left out to hold it, those of the map's sample first.
   *
   * @default 20_000_000
   */
  readonly maxBytes?: number
}

/**
 * Makes the page that a person reads, `index.html`, of tables of any size.
 *
 * - Memory: what `PageSelection` holds, and the page itself.
 * - Order: equal tables give an equal page, however they are cut into batches.
 *
 * @throws {OptionError} for a bad option, or if `maxBytes` is too small for the page without pictures
 * @throws {SchemaError} if a table lacks a column
 * @throws {DataError} if groups do not ascend
 */
export async function reportPage(
  tables: PageTables,
  options: ReportPageOptions = {},
): Promise<string> {
  knownOptions('reportPage', options, ['seed', 'maxBytes'])
  const seed = wholeNumber('seed', options.seed ?? 0)
  const maxBytes = positiveInteger('maxBytes', options.maxBytes ?? 20_000_000)
  const selection = new PageSelection({ seed })
  for await (const batch of tables.groups) selection.addGroups(batch)
  for await (const batch of tables.items) selection.addItems(batch)
  for await (const batch of tables.rejects) selection.addRejects(batch)

  const page = { ...selection.finish(), summary: tables.summary }
  const ids = new Set(pictureOrder(page))
  const textBytes = Buffer.byteLength(renderPage(withoutPictures(page, ids)))
  if (textBytes > maxBytes)
    throw new OptionError(
      `Expected option \`maxBytes\` to be at least ${String(textBytes)} for this page, got \`${String(maxBytes)}\` (number)`,
    )
  const budget = new PictureBudget(ids, maxBytes - textBytes)
  for await (const batch of tables.thumbnails(budget.wanted)) addPictures(budget, batch)
  return renderPage({ ...page, pictures: budget.pictures(), picturesDropped: budget.dropped })
}

/** The page at its longest but for the pictures' bytes: every element for one, and the sentence about those left out. */
function withoutPictures(
  page: PageChoice & Pick<PageData, 'summary'>,
  ids: ReadonlySet<string>,
): PageData {
  const pictures = new Map([...ids].map((id) => [id, new Uint8Array(0)]))
  return { ...page, pictures, picturesDropped: Number.MAX_SAFE_INTEGER }
}

function* pictureOrder(choice: PageChoice): Generator<string> {
  for (const { id } of shownItems(choice)) yield id
  for (const { id } of choice.points) yield id
}

function addPictures(budget: PictureBudget, batch: RecordBatch): void {
  const ids = column(batch, 'id')
  const thumbnails = column(batch, 'thumbnail')
  for (let row = 0; row < batch.numRows; row++) {
    const bytes: unknown = thumbnails.get(row)
    if (bytes instanceof Uint8Array) budget.add(String(ids.get(row)), bytes)
  }
}
