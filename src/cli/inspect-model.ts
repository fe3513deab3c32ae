import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from '../errors.ts'
import { checkedManifest } from '../models/manifest.ts'

/** What the `model.json` of a model folder says, without its checksums; an array by its type and shape. */
export async function inspectModel(folder: string): Promise<Readonly<Record<string, unknown>>> {
  const file = join(folder, 'model.json')
  const read = await readManifest(file)
  if (read?.['format'] !== 'millrace-model')
    throw new DataError(`Expected a saved model, got another \`model.json\` in ${folder}`, {
      url: file,
    })
  const { kind, version, rowsSeen, parameters, arrays } = checkedManifest(read, file)
  return {
    kind,
    version,
    rowsSeen,
    parameters,
    arrays: Object.fromEntries(
      Object.entries(arrays).map(([name, a]) => [name, `${a.type} ${JSON.stringify(a.shape)}`]),
    ),
  }
}

async function readManifest(file: string): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown> | null
  } catch (cause) {
    throw new DataError(
      `Expected a model folder, got one without a readable \`model.json\``,
      { url: file },
      { cause },
    )
  }
}
