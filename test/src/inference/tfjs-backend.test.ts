import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { layersFiles } from '../../helpers/tfjs-models.ts'

const root = resolve(import.meta.dirname, '../../..')
const javascript = ['tfjs-core', 'tfjs-converter', 'tfjs-layers', 'tfjs-backend-cpu']

/** A native package whose library is missing. */
const broken = `throw new Error('libtensorflow.so.2: cannot open shared object file\\nRequire stack: …')`

/** What stands for a native package, which is downloaded at install: it runs in JavaScript. */
const native = `const tf = require('@tensorflow/tfjs-core')
require('@tensorflow/tfjs-backend-cpu')
const { loadGraphModel } = require('@tensorflow/tfjs-converter')
const { loadLayersModel, model } = require('@tensorflow/tfjs-layers')
tf.setBackend('cpu')
async function loadSavedModel(folder) {
  if (!folder.endsWith('saved')) throw new Error('no tags: serve')
  const shape = [-1, 4, 4, 3].map((size) => ({ getSize: () => size }))
  return {
    inputs: [{ name: 'x', dtype: 'int32', shape }],
    outputNodeNames: { mean: 'StatefulPartitionedCall:0', sum: 'StatefulPartitionedCall:1' },
    predict: ([x]) => [tf.mean, tf.sum].map((reduce) => reduce(tf.cast(x, 'float32'), [1, 2])),
    dispose() {},
  }
}
module.exports = { ...tf, loadGraphModel, loadLayersModel, model, node: { loadSavedModel } }`

let folder: string
let layers: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-backends-'))
  layers = await layersFiles(join(folder, 'layers'))
  for (const name of ['saved', 'damaged']) {
    await mkdir(join(folder, name))
    await writeFile(join(folder, name, 'saved_model.pb'), '')
  }
})
afterAll(() => rm(folder, { recursive: true }))

/** The built package in a folder of its own, where `installed` are its only packages of TensorFlow.js. */
async function installation(
  name: string,
  installed: readonly string[],
  fakes: Readonly<Record<string, string>> = {},
): Promise<string> {
  const app = join(folder, name)
  const modules = join(app, 'node_modules')
  await mkdir(join(modules, '@tensorflow'), { recursive: true })
  await cp(join(root, 'dist'), join(app, 'dist'), { recursive: true })
  for (const file of ['package.json', 'assets']) await symlink(join(root, file), join(app, file))
  for (const other of await readdir(join(root, 'node_modules')))
    if (other !== '@tensorflow')
      await symlink(join(root, 'node_modules', other), join(modules, other))
  for (const part of installed)
    await symlink(join(root, 'node_modules/@tensorflow', part), join(modules, '@tensorflow', part))
  for (const [fake, main] of Object.entries(fakes)) {
    await mkdir(join(modules, '@tensorflow', fake))
    await writeFile(join(modules, '@tensorflow', fake, 'index.js'), main)
    const about = JSON.stringify({ name: `@tensorflow/${fake}`, version: '4.22.0' })
    await writeFile(join(modules, '@tensorflow', fake, 'package.json'), about)
  }
  return app
}

interface Answer {
  readonly columns?: readonly { readonly name: string; readonly shape: readonly number[] }[]
  readonly values?: readonly (readonly number[])[]
  readonly warnings?: readonly { readonly code: string; readonly message: string }[]
  readonly code?: string
  readonly message?: string
}

/** Opens models in turn, and runs each on bytes that count from 0. */
const program = `import { openModel } from './dist/src/inference/open-model.js'
import { modelColumns, pictureModel } from './dist/src/inference/picture-model.js'
const warnings = []
process.on('warning', ({ code, message }) => warnings.push({ code, message }))
const size = { width: 4, height: 4 }
const data = new Uint8Array(48).map((_, at) => at)
async function answer(options) {
  try {
    const model = pictureModel({ input: { range: [0, 255] }, ...options })
    const columns = await modelColumns(model, size)
    const made = await (await openModel(model, size)).run({ ...size, data })
    return { columns, values: made.map((value) => [...value]), warnings: warnings.splice(0) }
  } catch ({ code, message }) {
    return { code, message }
  }
}
const answers = []
for (const options of JSON.parse(process.argv[2])) answers.push(await answer(options))
console.log(JSON.stringify(answers))
process.exit()`

async function answers(app: string, ...options: readonly object[]): Promise<readonly Answer[]> {
  await writeFile(join(app, 'program.mjs'), program)
  return JSON.parse(await node(app, 'program.mjs', JSON.stringify(options))) as readonly Answer[]
}

async function node(cwd: string, ...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, args, { cwd })).stdout
}

const pool = [22.5, 23.5, 24.5]
const brokenBoth = { 'tfjs-node-gpu': broken, 'tfjs-node': broken }

describe('the backend of TensorFlow.js models', () => {
  it('is WebAssembly where native packages fail, of which it warns once', async () => {
    const app = await installation('broken', [...javascript, 'tfjs-backend-wasm'], brokenBoth)
    const reason = 'libtensorflow.so.2: cannot open shared object file'
    const found = await answers(
      app,
      { model: layers },
      { model: layers, input: { range: [0, 510] } },
      { model: layers, backend: 'wasm' },
      { model: layers, backend: 'node' },
    )
    const columns = [{ name: 'embedding', shape: [3] }]
    expect(found).toEqual([
      {
        columns,
        values: [pool],
        warnings: [
          {
            code: 'MILLRACE_BACKEND',
            message: `\`@tensorflow/tfjs-node-gpu\` does not load (${reason}), \`@tensorflow/tfjs-node\` does not load (${reason}); TensorFlow.js models run on \`@tensorflow/tfjs-backend-wasm\``,
          },
        ],
      },
      { columns, values: [pool.map((mean) => 2 * mean)], warnings: [] },
      { columns, values: [pool], warnings: [] },
      {
        code: 'CONNECTOR',
        message: `Expected a package that runs TensorFlow.js models, got none: \`@tensorflow/tfjs-node\` does not load (${reason}); install one with: npm install @tensorflow/tfjs-node`,
      },
    ])

    const { findings } = JSON.parse(
      await node(app, 'dist/src/cli/main.js', 'doctor', '--json'),
    ) as {
      readonly findings: readonly { readonly name: string; readonly status: string }[]
    }
    expect(findings.filter(({ name }) => name.startsWith('@tensorflow'))).toMatchObject([
      {
        ...{ name: '@tensorflow/tfjs-node-gpu', status: 'failed', required: false },
        detail: `TensorFlow.js models, backend 'node-gpu', choice 1 of 3; does not load: ${reason}`,
      },
      { name: '@tensorflow/tfjs-node', status: 'failed' },
      { name: '@tensorflow/tfjs-backend-wasm', status: 'ok' },
    ])
  })

  it('is the first native package that loads, which runs a SavedModel too', async () => {
    const fakes = { 'tfjs-node-gpu': broken, 'tfjs-node': native }
    const app = await installation('native', [...javascript, 'tfjs-backend-wasm'], fakes)
    const model = join(folder, 'saved')
    const [first, ...found] = await answers(
      app,
      { model: layers },
      { model, backend: 'node', outputs: ['sum', 'mean'] },
      { model, outputs: 'men' },
      { model: join(folder, 'damaged') },
      { model, backend: 'wasm' },
    )
    expect(first).toMatchObject({ values: [pool], warnings: [{ code: 'MILLRACE_BACKEND' }] })
    expect(first?.warnings?.[0]?.message).toMatch(/ run on `@tensorflow\/tfjs-node`$/)
    expect(found).toEqual([
      {
        columns: [
          { name: 'sum', shape: [3] },
          { name: 'mean', shape: [3] },
        ],
        values: [pool.map((mean) => 16 * mean), pool],
        warnings: [],
      },
      {
        code: 'OPTION',
        message:
          'Expected option `outputs` to name outputs of the model (mean, sum), got `men`; did you mean `mean`?',
      },
      {
        code: 'DATA',
        message: 'Expected a SavedModel, got a folder that does not load: no tags: serve',
      },
      {
        code: 'OPTION',
        message:
          "Expected option `backend` to be 'node-gpu' or 'node' for a SavedModel, got 'wasm'",
      },
    ])
  })

  it('is asked for where there is none', async () => {
    const app = await installation('none', [])
    const [one, other] = await answers(app, { model: layers }, { model: join(folder, 'saved') })
    expect(one).toEqual({
      code: 'CONNECTOR',
      message:
        'Expected a package that runs TensorFlow.js models, got none: `@tensorflow/tfjs-node-gpu` is not installed, `@tensorflow/tfjs-node` is not installed, `@tensorflow/tfjs-backend-wasm` is not installed; install one with: npm install @tensorflow/tfjs-core @tensorflow/tfjs-converter @tensorflow/tfjs-layers @tensorflow/tfjs-backend-wasm',
    })
    expect(other?.message).toMatch(/install one with: npm install @tensorflow\/tfjs-node$/)
  })
})
