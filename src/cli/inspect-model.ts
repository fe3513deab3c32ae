import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from '../errors.ts'

/** What the `model.json` of a model folder says, without its checksums; an array by its type and shape. */
export async function inspectModel(folder: string): Promise<Readonly<Record<string, unknown>>> {
  const file = join(folder, 'model.json')
  const manifest = await readManifest(file)
  const { format, kind, version, rowsSeen, parameters, arrays } = manifest
  if (format !== 'millrace-model')
    throw new DataError(`Expected a saved model, got another \`model.json\` in ${folder}`, {
      url: file,
    })
  const shapes = Object.entries((arrays ?? {}) as Record<string, { type: string; shape: number[] }>)
  return {
    kind,
    version,
    rowsSeen,
    parameters,
    arrays: Object.fromEntries(
      shapes.map(([name, a]) => [name, `${a.type} ${JSON.stringify(a.shape)}`]),
    ),
  }
}

async function readManifest(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
  } catch (cause) {
    throw new DataError(
      `Expected a model folder, got one without a readable \`model.json\``,
      { url: file },
      { cause },
    )
  }
}
