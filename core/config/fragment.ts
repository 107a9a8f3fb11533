import { pluginKeys } from './core-schema.ts'
import { describeExpected, isFormat, readValue } from './formats.ts'
import { isSchemaKey, type SchemaKey, type SchemaTree } from './schema.ts'

/** Plugins are others' code: deeper than this is a mistake, or endless. */
const MAX_DEPTH = 8

const SEGMENT = /^[a-z][a-zA-Z0-9]*$/

/** What is wrong with a plugin's schema, or undefined. */
export function fragmentFault(schema: SchemaTree): string | undefined {
  const taken = Object.keys(pluginKeys).find(name => Object.hasOwn(schema, name))
  if (taken) return `its schema has "${taken}", which every plugin has already`
  return sectionFault(schema, '', MAX_DEPTH)
}

function sectionFault(tree: SchemaTree, prefix: string, levels: number): string | undefined {
  if (levels === 0) return `its schema is more than ${MAX_DEPTH} levels deep at ${prefix}`
  for (const [segment, node] of Object.entries(tree)) {
    const name = `${prefix}${segment}`
    if (!SEGMENT.test(segment) || segment in Object.prototype)
      return `its schema's key "${name}" isn't camelCase, or is a word of the language`
    if (typeof node !== 'object' || node === null) return `its schema's "${name}" is neither key nor section`
    const fault = isSchemaKey(node) ? keyFault(node, name) : sectionFault(node, `${name}.`, levels - 1)
    if (fault) return fault
  }
  return undefined
}

function keyFault(key: SchemaKey<unknown>, name: string): string | undefined {
  if (typeof key.doc !== 'string' || key.doc === '') return `its schema's key "${name}" has no doc`
  if (!isFormat(key.format) && !Array.isArray(key.format))
    return `its schema's key "${name}" has no known format`
  if (key.default === undefined) return undefined
  const result = readValue(key, { value: key.default, isText: false, baseDirectory: '/' })
  return 'value' in result ? undefined : `the default of "${name}" isn't ${describeExpected(key)}`
}
