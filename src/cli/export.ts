import { type Command, Option } from 'commander'
import type { ExportOptions } from '../workflows/export.ts'
import { jsonOption } from './options.ts'
import { print, printJson } from './output.ts'

/** Sets up `millrace export`. */
export function configure(command: Command): void {
  command
    .argument('<models>', 'folder of fitted models, as fit and report write it')
    .requiredOption('--onnx <file>', 'ONNX model to write')
    .option('--model <file>', '.onnx model that made the embeddings (default: the bundled one)')
    .option('--output <name>', 'output or inner tensor of it that a pipeline took')
    .addOption(
      new Option('--pool <how>', 'how a pipeline pooled its feature map').choices([
        'average',
        'max',
        'sum',
      ]),
    )
    .addOption(jsonOption())
    .action(write)
}

async function write(
  models: string,
  { json, ...options }: Omit<ExportOptions, 'models'> & { readonly json?: true },
): Promise<void> {
  const { exportOnnx } = await import('../workflows/export.ts')
  const { summary, text } = await exportOnnx({ models, ...options })
  if (json) printJson(summary)
  else print(text)
}
