import { writeFileSync } from 'node:fs'
import {
  Field,
  FixedSizeList,
  makeData,
  makeVector,
  Null,
  RecordBatch,
  Table,
  tableToIPC,
} from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { toParquet } from '../../../connectors/to-parquet.ts'
import { batchOf, binaryColumn, int64Column, textColumn } from '../../../src/batch/batch.ts'
import { flowOf } from '../../../src/flow/flow.ts'
import { run } from '../../../src/run/run.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import { folderOf, millrace } from '../../helpers/command.ts'
import { expectGolden } from '../../helpers/golden.ts'

function batch(first: number, n: number): RecordBatch {
  const rows = Array.from({ length: n }, (_, i) => first + i)
  return batchOf([
    textColumn(
      'id',
      rows.map((i) => `item ${String(i)}`),
    ),
    int64Column(
      'size',
      rows.map((i) => (i === 1 ? null : BigInt(i))),
    ),
    binaryColumn(
      'image',
      rows.map((i) => new Uint8Array(i)),
    ),
    tensorColumn(
      'embedding',
      [2, 5],
      Float32Array.from({ length: 10 * n }, (_, i) => i / 2),
    ),
  ])
}

const table = new Table([batch(0, 3), batch(3, 4)])

describe('millrace inspect', () => {
  it.each(['file', 'stream'] as const)('shows an Arrow %s', async (kind) => {
    const folder = folderOf({})
    writeFileSync(`${folder}/rows.arrow`, tableToIPC(table, kind))
    const args = ['inspect', 'rows.arrow', '--rows', '4']
    const { code, stdout } = await millrace(args, { cwd: folder })
    expect(code).toBe(0)
    expectGolden(stdout, new URL(`golden/inspect-arrow-${kind}.txt`, import.meta.url))
    const json = JSON.parse((await millrace([...args, '--json'], { cwd: folder })).stdout) as object
    expect(json).toMatchObject({ format: `arrow ${kind}`, numRows: 7, rowGroups: [3, 4] })
    expect(json).toHaveProperty('schema.0', { name: 'id', type: 'Utf8', nullable: true })
    expect(json).toHaveProperty('head.3.size', 3)
    expect(json).toHaveProperty('head.length', 4)
  })

  it('shows a Parquet file', async () => {
    const folder = folderOf({})
    await run(
      flowOf([batch(0, 3), batch(3, 4)]).pipe(
        toParquet(`${folder}/rows.parquet`, { rowGroupRows: 5 }),
      ),
    )
    const args = ['inspect', 'rows.parquet', '--rows', '6']
    const { code, stdout } = await millrace(args, { cwd: folder })
    expect(code).toBe(0)
    const text = stdout.replace(/\d\.\d kB/, 'SIZE')
    expectGolden(text, new URL('golden/inspect-parquet.txt', import.meta.url))
    const json = JSON.parse((await millrace([...args, '--json'], { cwd: folder })).stdout) as object
    expect(json).toMatchObject({ format: 'parquet', numRows: 7, rowGroups: [5, 2] })
    expect(json).toHaveProperty('head.length', 6)
    expect(json).toHaveProperty('head.5.id', 'item 5')
  })

  it('refuses a cut Parquet file', async () => {
    const folder = folderOf({ 'cut.parquet': 'PAR1 and no more' })
    const ended = await millrace(['inspect', 'cut.parquet'], { cwd: folder })
    expect([ended.code, ended.stdout]).toEqual([1, ''])
    expect(ended.stderr).toContain('error: Expected cut.parquet to be Parquet')
  })

  it('shows a model folder', async () => {
    const manifest = {
      ...{ format: 'millrace-model', formatVersion: 1, kind: 'pca', version: 1, rowsSeen: 90 },
      parameters: { components: 2 },
      arrays: { mean: { type: 'Float64', shape: [4], file: 'mean.arrow', sha256: 'x' } },
      files: {},
    }
    const folder = folderOf({ 'model.json': JSON.stringify(manifest) })
    const { code, stdout } = await millrace(['inspect', '.'], { cwd: folder })
    expect([code, stdout]).toEqual([
      0,
      '.: model\n  kind        pca\n  version     1\n  rowsSeen    90\n  parameters  {"components":2}\n  arrays      {"mean":"Float64 [4]"}\n',
    ])
  })

  it.each([
    ['nothing', {}, 'rows', 1, 'Expected a file, got nothing at `rows`'],
    [
      'an empty file',
      { rows: '' },
      'rows',
      2,
      'Expected a Parquet file, an Arrow file or a model folder, got `rows`',
    ],
    [
      'another file',
      { rows: 'id,label\n1,2\n' },
      'rows',
      2,
      'Expected a Parquet file, an Arrow file or a model folder, got `rows`',
    ],
    [
      'a folder without a model',
      {},
      '.',
      1,
      'Expected a model folder, got one without a readable `model.json`',
    ],
    [
      'another model',
      { 'model.json': '{}' },
      '.',
      1,
      'Expected a saved model, got another `model.json` in .',
    ],
  ])('refuses %s', async (_name, files, path, code, message) => {
    const ended = await millrace(['inspect', path], { cwd: folderOf(files) })
    expect([ended.code, ended.stdout]).toEqual([code, ''])
    expect(ended.stderr).toContain(`error: ${message}`)
  })

  it('shows a list that says it has 2^31 values of no bytes', async () => {
    const size = 2 ** 31 - 1
    const type = new FixedSizeList(size, new Field('item', new Null(), true))
    const child = makeData({ type: new Null(), length: size })
    const vector = makeVector(makeData({ type, length: 1, nullCount: 0, child }))
    const folder = folderOf({})
    writeFileSync(`${folder}/long.arrow`, tableToIPC(new Table({ long: vector }), 'stream'))
    const ended = await millrace(['inspect', 'long.arrow', '--json'], { cwd: folder })
    expect(ended.code).toBe(0)
    expect(JSON.parse(ended.stdout)).toMatchObject({ head: [{ long: { length: size } }] })
  })

  it('says a name that commands the terminal without the command', async () => {
    const ended = await millrace(['inspect', '\u001b[2Jx'], { cwd: folderOf({}) })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toContain('error: Expected a file, got nothing at `\\x1b[2Jx`\n')
    expect(ended.stderr).not.toContain('\u001b')
  })

  it('refuses a cut Arrow file', async () => {
    const folder = folderOf({})
    for (const kind of ['file', 'stream'] as const) {
      const bytes = tableToIPC(table, kind)
      writeFileSync(`${folder}/cut.arrow`, bytes.subarray(0, bytes.length - 700))
      const ended = await millrace(['inspect', 'cut.arrow'], { cwd: folder })
      expect([ended.code, ended.stdout]).toEqual([1, ''])
      expect(ended.stderr).toMatch(/error: Expected .*cut\.arrow/)
    }
  })
})
