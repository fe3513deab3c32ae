import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import ts from 'typescript'
import type { CatalogEntry, CatalogOption } from '../src/cli/catalog.ts'

const folders = ['connectors', 'operators'] as const

/**
 * Reads every file of `operators/` and `connectors/` under `root`: the doc comment of the function
 * that the file is named after, and its options interface.
 *
 * Throws if a file has no such function, or the function has no doc comment.
 */
export function makeCatalog(root: string): CatalogEntry[] {
  const files = folders.flatMap((folder) =>
    filesIn(join(root, folder)).map((file) => ({ folder, file })),
  )
  const program = ts.createProgram(
    files.map(({ file }) => file),
    {
      ...{ target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext, strict: true },
      ...{ allowImportingTsExtensions: true, noEmit: true, skipLibCheck: true, types: [] },
    },
  )
  return files
    .map(({ folder, file }) => entryOf(program, file, folder))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The catalog as the build writes it. */
export function catalogText(entries: readonly CatalogEntry[]): string {
  return `${JSON.stringify(entries, null, 2)}\n`
}

function filesIn(folder: string): string[] {
  const names = readdirSync(folder, { withFileTypes: true })
  return names
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(folder, entry.name))
    .sort()
}

function entryOf(
  program: ts.Program,
  file: string,
  folder: (typeof folders)[number],
): CatalogEntry {
  const checker = program.getTypeChecker()
  const stem = basename(file, '.ts')
  const name = stem.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  const { symbol, declaration } = exported(program, file, name)
  const text = docText(symbol.getDocumentationComment(checker))
  const [summary = ''] = text.split(/\n\s*\n|\n(?=- )/)
  if (summary === '') throw new Error(`Expected a doc comment on ${name} of ${file}, got none`)
  const tags = symbol.getJsDocTags(checker)
  const example = tagTexts(tags, 'example')[0]
  return {
    name,
    kind: folder === 'operators' ? 'operator' : stem.startsWith('to-') ? 'sink' : 'source',
    module: `millrace/${folder}/${stem}`,
    signature: signatureOf(declaration),
    summary: oneLine(summary),
    details: text.slice(summary.length).trim(),
    options: optionsOf(checker, declaration),
    throws: tagTexts(tags, 'throws').map((line) => oneLine(line.replace(/^\{(\w+)\}/, '$1'))),
    ...(example !== undefined && { example }),
  }
}

function exported(
  program: ts.Program,
  file: string,
  name: string,
): { symbol: ts.Symbol; declaration: ts.FunctionDeclaration } {
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(file)
  const module = source && checker.getSymbolAtLocation(source)
  const symbol = module && checker.getExportsOfModule(module).find((s) => s.name === name)
  // The first of several declarations: an overload, which says how it is called.
  const declaration = symbol?.declarations?.find((d) => ts.isFunctionDeclaration(d))
  if (!symbol || !declaration) throw new Error(`Expected ${file} to export a function ${name}`)
  return { symbol, declaration }
}

function signatureOf(declaration: ts.FunctionDeclaration): string {
  const parameters = declaration.parameters.map((p) => oneLine(p.getText())).join(', ')
  const answer = declaration.type ? `: ${oneLine(declaration.type.getText())}` : ''
  return `${declaration.name?.text ?? ''}(${parameters})${answer}`
}

/** The fields of the last parameter's type, where that parameter is called `options`; of a union those of all its parts. */
function optionsOf(checker: ts.TypeChecker, declaration: ts.FunctionDeclaration): CatalogOption[] {
  const parameter = declaration.parameters.at(-1)
  if (parameter?.name.getText() !== 'options') return []
  const type = checker.getNonNullableType(checker.getTypeAtLocation(parameter))
  const parts = type.isUnion() ? type.types : [type]
  const options = new Map<string, CatalogOption>()
  for (const part of parts)
    for (const property of checker.getPropertiesOfType(part)) {
      const option = optionOf(checker, property, parameter)
      const before = options.get(option.name)
      const everywhere = parts.every((p) => p.getProperty(option.name))
      const required = option.required && (before?.required ?? true) && everywhere
      const types = new Set([...(before ? [before.type] : []), option.type])
      options.set(option.name, { ...option, type: [...types].join(' | '), required })
      for (const field of fieldsOf(checker, property, parameter))
        options.set(`${option.name}.${field.name}`, {
          ...field,
          name: `${option.name}.${field.name}`,
        })
    }
  return [...options.values()]
}

/** The fields of an option that is an interface of this project. */
function fieldsOf(checker: ts.TypeChecker, property: ts.Symbol, at: ts.Node): CatalogOption[] {
  const type = checker.getNonNullableType(checker.getTypeOfSymbolAtLocation(property, at))
  const ours = type
    .getSymbol()
    ?.declarations?.some(
      (d) => ts.isInterfaceDeclaration(d) && !d.getSourceFile().isDeclarationFile,
    )
  return ours ? checker.getPropertiesOfType(type).map((field) => optionOf(checker, field, at)) : []
}

function optionOf(checker: ts.TypeChecker, property: ts.Symbol, at: ts.Node): CatalogOption {
  const tags = property.getJsDocTags(checker)
  const without = tagTexts(tags, 'default')[0]
  return {
    name: property.name,
    type: typeText(checker, property, at),
    required: (property.flags & ts.SymbolFlags.Optional) === 0,
    ...(without !== undefined && { default: without }),
    text: docText(property.getDocumentationComment(checker)),
  }
}

/** As written, except that a choice of texts is spelled out where a name stands for it. */
function typeText(checker: ts.TypeChecker, property: ts.Symbol, at: ts.Node): string {
  const type = checker.getNonNullableType(checker.getTypeOfSymbolAtLocation(property, at))
  const choices = type.isUnion() ? type.types : []
  if (choices.length > 0 && choices.every((choice) => choice.isStringLiteral()))
    return choices
      .map((choice) => checker.typeToString(choice))
      .join(' | ')
      .replaceAll('"', "'")
  const declaration = property.valueDeclaration
  const written =
    declaration && ts.isPropertySignature(declaration) ? declaration.type?.getText() : undefined
  return oneLine(written ?? checker.typeToString(type))
}

/** Plain text: a link is the name that it links to. */
function docText(parts: readonly ts.SymbolDisplayPart[] | undefined): string {
  const text = ts.displayPartsToString([...(parts ?? [])])
  return text.replace(/\{@link\s+([^}|]*?)\s*\}/g, '`$1`').trim()
}

function tagTexts(tags: readonly ts.JSDocTagInfo[], name: string): string[] {
  return tags.filter((tag) => tag.name === name).map((tag) => docText(tag.text))
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
