import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')

function files(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
}

/** The project's own files that `file` imports, as types or as values. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path]) =>
    relative(root, resolve(root, dirname(file), path ?? '')),
  )
}

const library = ['src', 'operators', 'connectors'].flatMap(files)

/** What files in a folder may import, longest folder first. */
const allowed: readonly (readonly [string, RegExp])[] = [
  ['src/cli/', /^(src|operators|connectors)\//],
  ['src/workflows/', /^(src\/(?!cli\/)|operators\/|connectors\/)/],
  ['src/kernels/', /^src\/(kernels\/|worker\.ts|errors\.ts|options\.ts)/],
  [
    'src/models/',
    /^src\/(models\/|kernels\/|path-inside\.ts|disk\.ts|output\/replace-folder\.ts|worker\.ts|errors\.ts|options\.ts|run\/fail-point\.ts)/,
  ],
  ['src/', /^src\/(?!cli\/)/],
  ['operators/', /^src\/(?!cli\/)/],
  ['connectors/', /^src\/(?!cli\/)/],
]

describe('architecture', () => {
  it.each(library)('%s imports inward only', (file) => {
    const rule = allowed.find(([folder]) => file.startsWith(folder))?.[1]
    const outward = importsOf(file).filter((to) => !rule?.test(to))
    expect(outward).toEqual([])
  })

  it('has no circle of imports', () => {
    const edges = new Map(library.map((file) => [file, importsOf(file)]))
    const done = new Set<string>()
    const visit = (file: string, path: readonly string[]): string[] => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
      if (done.has(file)) return []
      for (const to of edges.get(file) ?? []) {
        const circle = visit(to, [...path, file])
        if (circle.length > 0) return circle
      }
      done.add(file)
      return []
    }
    expect(library.map((file) => visit(file, [])).find((circle) => circle.length > 0)).toBe(
      undefined,
    )
  })

  it('keeps operators and connectors flat, and each export equal to its file', () => {
    const flat = ['operators', 'connectors'].flatMap(files)
    expect(flat.filter((file) => file.split('/').length !== 2)).toEqual([])
    for (const file of flat) {
      const name = (file.split('/').pop() ?? '')
        .replace('.ts', '')
        .replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
      expect(readFileSync(join(root, file), 'utf8')).toMatch(
        new RegExp(`export function ${name}\\b`),
      )
    }
  })

  it('names no path of a machine', () => {
    for (const file of library)
      expect(readFileSync(join(root, file), 'utf8')).not.toMatch(/\/(work|root|home)\//)
  })

  // Whatever a dataset or a model folder holds, it is read as data.
  it('loads code by names that stand in the sources; the rest is named by whoever runs it', () => {
    const byName = /\bimport\b(?:<[^>]*>+)?\((?!\s*')/
    const loading = library.filter((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .some((line) => byName.test(line) && !/^\s*(?:\*|import\b)/.test(line)),
    )
    expect(loading).toEqual([
      // The packages that are looked for.
      'src/cli/doctor.ts',
      // The pipeline or config that is given.
      'src/cli/import-module.ts',
      // The task that an operator names.
      'src/tasks/task-worker.ts',
    ])
  })

  it('makes no code of text', () => {
    const evaluating = /\beval\(|\bnew Function\b|from 'node:vm'|dlopen|new Worker\([^)]*eval/
    const found = library.filter((file) => evaluating.test(readFileSync(join(root, file), 'utf8')))
    // It asks V8 for its `gc`, by a text of its own.
    expect(found).toEqual(['src/tasks/collect.ts'])
  })
})
