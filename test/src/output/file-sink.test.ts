import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { type Disk, nodeDisk } from '../../../src/disk.ts'
import type { Context } from '../../../src/flow/context.ts'
import type { Writer } from '../../../src/flow/sink.ts'
import type { FileFormat } from '../../../src/output/file-format.ts'
import { fileSink, type FileSinkState } from '../../../src/output/file-sink.ts'
import { Run } from '../../../src/run/run-state.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'file-sink-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** A line per row, with its number, and a last line. */
const numbered: FileFormat<number> = {
  name: 'toLines',
  extension: 'txt',
  encode(file, from = 0) {
    let rows = from
    return {
      get rows() {
        return rows
      },
      async write(batch) {
        for (const id of batch.getChild('id') ?? [])
          await file.append(Buffer.from(`${String(++rows)} ${String(id)}\n`))
      },
      save: () => Promise.resolve(rows),
      finish: () => file.append(Buffer.from('end\n')),
      close: () => Promise.resolve(),
    }
  },
  async reopen(path) {
    const text = await readFile(path, 'utf8')
    if (!text.endsWith('end\n')) throw new Error('Expected a last line')
    const rows = text.split('\n').length - 2
    return { bytes: text.length - 4, state: rows, rows }
  },
}

type State = FileSinkState<number>
type Lines = Writer<State> & { readonly stage: () => Promise<State> }

function context(id = 'run1', disk: Disk = nodeDisk): Context {
  const run = new Run({ disk }, {}, { id, folder })
  return { signal: new AbortController().signal, run }
}

const at = (name: string): string => join(folder, name)
const row = (...ids: string[]): RecordBatch => batchOf([textColumn('id', ids)])
const text = (name: string): Promise<string> => readFile(at(name), 'utf8')
const names = async (path = ''): Promise<string[]> => (await readdir(at(path))).sort()

/** One sink with what a run does with it. */
function sinkTo(name: string, { parts = false, disk = nodeDisk, id = 'run1' } = {}) {
  const spec = fileSink(numbered, { path: at(name), parts })
  const where = context(id, disk)
  return {
    open: async (from?: State) => (await spec.open(where, from)) as Lines,
    publish: async (state: State | undefined) => {
      if (state) await spec.publish?.(structuredClone(state), where)
    },
  }
}

/** The system's own refusal. */
function refusal(code: string): Promise<never> {
  return Promise.reject(Object.assign(new Error(`${code}: refused`), { code }))
}

describe('a sink into a single file', () => {
  it('writes the bytes of an unbroken run, whichever checkpoint it goes on from', async () => {
    const ids = ['a', 'b', 'c', 'd', 'e']
    for (let crashAfter = 0; crashAfter <= ids.length; crashAfter++)
      for (let kept = 0; kept <= crashAfter; kept++) {
        const { open, publish } = sinkTo('out')
        const first = await open()
        const states: (State | undefined)[] = [undefined]
        for (const id of ids.slice(0, crashAfter)) {
          await first.write(row(id))
          states.push(structuredClone(await first.stage()))
        }
        await first.write(row('lost'))
        await first.abort(true)
        expect(await names()).toEqual(['.out.run1.tmp'])
        const from = states[kept]
        await publish(from)
        const second = await open(from)
        for (const id of ids.slice(kept)) await second.write(row(id))
        const { state, summary } = await second.finish()
        await publish(state)
        expect(await text('out')).toBe('1 a\n2 b\n3 c\n4 d\n5 e\nend\n')
        expect(summary).toEqual({
          ...{ sink: 'toLines', location: at('out'), rows: 5, bytes: 24, files: 1 },
        })
        await rm(at('out'))
      }
  })

  it('is invisible until it is published, then takes the place of the old one; twice is as once', async () => {
    await writeFile(at('out'), 'old')
    const { open, publish } = sinkTo('out')
    const writer = await open()
    await writer.write(row('a'))
    await publish(await writer.stage())
    expect(await text('out')).toBe('old')
    const { state } = await writer.finish()
    expect(await text('out')).toBe('old')
    await publish(state)
    await publish(state)
    expect(await text('out')).toBe('1 a\nend\n')
    expect(await names()).toEqual(['out'])
  })

  it.each([
    ['before its end', false],
    ['after it', true],
  ])('leaves nothing if it is aborted %s, unless a checkpoint may need it', async (_, ended) => {
    for (const keep of [true, false]) {
      const writer = await sinkTo('out').open()
      await writer.write(row('a'))
      if (ended) await writer.finish()
      await writer.abort(keep)
      expect(await names()).toEqual(keep ? ['.out.run1.tmp'] : [])
    }
  })

  it('refuses a folder in its place, and a place that is not there', async () => {
    await mkdir(at('out'))
    await expect(sinkTo('out').open()).rejects.toMatchObject({
      ...{ code: 'CONNECTOR', message: `Expected ${at('out')} to be a file, got a folder` },
    })
    await expect(sinkTo('no/out').open()).rejects.toMatchObject({
      ...{ code: 'CONNECTOR', url: at('no/out'), cause: { code: 'ENOENT' } },
    })
  })

  it('does not go on with a file that is gone or was cut, which would fill it up with zeros', async () => {
    const { open } = sinkTo('out')
    const writer = await open()
    await writer.write(row('a'))
    const state = await writer.stage()
    await writer.abort(true)
    await truncate(at('.out.run1.tmp'), 2)
    const wrong = (bytes: number) =>
      `Expected ${at('.out.run1.tmp')}, the 4 bytes of ${at('out')} that the run has written, got one of ${String(bytes)} bytes: start over`
    await expect(open(state)).rejects.toMatchObject({ code: 'CONNECTOR', message: wrong(2) })
    await rm(at('.out.run1.tmp'))
    await expect(open(state)).rejects.toMatchObject({ code: 'CONNECTOR', message: wrong(0) })
  })

  it('does not take another file for the one that it has published', async () => {
    const { open, publish } = sinkTo('out')
    const writer = await open()
    await writer.write(row('a'))
    const { state } = await writer.finish()
    await rm(at('.out.run1.tmp'))
    await expect(publish(state)).rejects.toMatchObject({ code: 'CONNECTOR', url: at('out') })
    await writeFile(at('out'), 'an older one')
    await expect(publish(state)).rejects.toMatchObject({ code: 'CONNECTOR', url: at('out') })
  })

  it('says that the disk is full, and gives back what it took', async () => {
    const full: Disk = {
      ...nodeDisk,
      open: async (path, mode) => ({
        ...(await nodeDisk.open(path, mode)),
        write: () => refusal('ENOSPC'),
      }),
    }
    const writer = await sinkTo('out', { disk: full }).open()
    await expect(writer.write(row('a'))).rejects.toMatchObject({
      ...{ code: 'CONNECTOR', url: at('out'), cause: { code: 'ENOSPC' } },
    })
    await writer.abort(false)
    expect(await names()).toEqual([])
  })

  it('is aborted without another error where the system then removes nothing', async () => {
    const failing = { now: false }
    const disk = { ...nodeDisk, rm: (p: string) => (failing.now ? refusal('EIO') : nodeDisk.rm(p)) }
    const writer = await sinkTo('out', { disk }).open()
    failing.now = true
    await expect(writer.abort(false)).resolves.toBeUndefined()
  })

  it('leaves nothing if the format cannot begin', async () => {
    const broken: FileFormat<number> = {
      ...numbered,
      encode: () => Promise.reject(new Error('no codec')),
    }
    const { open } = fileSink(broken, { path: at('out'), parts: false })
    await expect(open(context(), undefined)).rejects.toThrow('no codec')
    expect(await names()).toEqual([])
  })
})

describe('a sink into a folder of parts', () => {
  const part = (n: number, id = 'run1') => `part-${id}-00000${String(n)}.txt`

  it('has a part for each checkpoint with rows, visible only when that is in place', async () => {
    const { open, publish } = sinkTo('out', { parts: true })
    const writer = await open()
    expect(await names('out')).toEqual([])
    await writer.write(row('a', 'b'))
    const first = await writer.stage()
    expect(await names('out')).toEqual([`.${part(1)}.run1.tmp`])
    await publish(first)
    expect(await names('out')).toEqual([part(1)])
    await publish(await writer.stage())
    await writer.write(row('c'))
    const { state, summary } = await writer.finish()
    expect(await names('out')).toEqual([`.${part(2)}.run1.tmp`, part(1)])
    await publish(state)
    await publish(state)
    expect(await names('out')).toEqual([part(1), part(2)])
    expect(await text(`out/${part(1)}`)).toBe('1 a\n2 b\nend\n')
    expect(await text(`out/${part(2)}`)).toBe('1 c\nend\n')
    expect(summary).toMatchObject({ location: at('out'), rows: 3, bytes: 20, files: 2 })
  })

  it('publishes again after a crash between the manifest and the renames, and counts all parts', async () => {
    const { open, publish } = sinkTo('out', { parts: true })
    const first = await open()
    await first.write(row('a'))
    const state = structuredClone(await first.stage())
    await first.write(row('lost'))
    await first.abort(true)
    expect(await names('out')).toHaveLength(2)
    await publish(state)
    const second = await open(state)
    expect(await names('out')).toEqual([part(1)])
    await second.write(row('b'))
    const ended = await second.finish()
    await publish(ended.state)
    expect(ended.summary).toMatchObject({ rows: 2, files: 2 })
    expect(await text(`out/${part(1)}`)).toBe('1 a\nend\n')
    expect(await text(`out/${part(2)}`)).toBe('1 b\nend\n')
  })

  it('takes back the parts behind an older checkpoint, and no others', async () => {
    const { open, publish } = sinkTo('out', { parts: true })
    const writer = await open()
    const states: State[] = []
    for (const id of ['a', 'b', 'c']) {
      await writer.write(row(id))
      states.push(structuredClone(await writer.stage()))
      await publish(states.at(-1))
    }
    await writer.abort(true)
    for (const other of [part(3, 'run2'), 'notes.txt', `.${part(3, 'run2')}.run2.tmp`])
      await writeFile(at(`out/${other}`), '')
    const [oldest] = states
    await publish(oldest)
    const again = await open(oldest)
    expect(await names('out')).toEqual([
      ...[`.${part(3, 'run2')}.run2.tmp`, 'notes.txt', part(1), part(3, 'run2')],
    ])
    await again.abort(true)
  })

  it('goes on where its parts, or the whole folder, have been taken away by their reader', async () => {
    const { open, publish } = sinkTo('out', { parts: true })
    const writer = await open()
    await writer.write(row('a'))
    const state = structuredClone(await writer.stage())
    await publish(state)
    await writer.abort(true)
    for (const taken of [`out/${part(1)}`, 'out']) {
      await rm(at(taken), { recursive: true })
      await publish(state)
      const again = await open(state)
      expect(await names('out')).toEqual([])
      await again.abort(true)
    }
  })

  it('adds to what other runs have put there', async () => {
    for (const id of ['run1', 'run2']) {
      const { open, publish } = sinkTo('out', { parts: true, id })
      const writer = await open()
      await writer.write(row(id))
      await publish((await writer.finish()).state)
    }
    expect(await names('out')).toEqual([part(1, 'run1'), part(1, 'run2')])
    expect(await text(`out/${part(1, 'run2')}`)).toBe('1 run2\nend\n')
  })

  it('leaves nothing if it is aborted, and has no part without rows', async () => {
    const { open } = sinkTo('out', { parts: true })
    const failing = await open()
    await failing.write(row('a'))
    await failing.finish()
    await failing.abort(false)
    expect(await names('out')).toEqual([])
    const { summary, state } = await (await open()).finish()
    expect(summary).toMatchObject({ rows: 0, files: 0 })
    expect(state?.whole).toEqual([])
  })

  it('refuses a file in its place', async () => {
    await writeFile(at('out'), '')
    await expect(sinkTo('out', { parts: true }).open()).rejects.toMatchObject({
      ...{ code: 'CONNECTOR', url: at('out'), cause: { code: 'EEXIST' } },
    })
  })
})
