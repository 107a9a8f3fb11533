import { execFile } from 'node:child_process'
import { copyFile, glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { generate } from 'protons'

/** Where schemas live. */
const SCHEMAS = ['core/**/*.proto', 'plugins/**/wire/*.proto']

/** Inside the repository, so that the compiler finds node_modules. */
const WORK = 'node_modules/.cache/generate-wire'

const run = promisify(execFile)

/**
 * Makes `x.js` and `x.d.ts` of every `x.proto` beneath `root`, in the same place beneath `target`. Resolves with their
 * paths. protons writes TypeScript with enums and namespaces, which type stripping refuses, so it is compiled once, here.
 */
export async function generateWire(root: string, target: string): Promise<string[]> {
  const schemas: string[] = []
  for await (const schema of glob(SCHEMAS, { cwd: root })) schemas.push(schema)
  schemas.sort()
  const work = resolve(root, WORK, String(process.pid))
  try {
    const sources: string[] = []
    for (const schema of schemas) sources.push(await transpile(root, schema, work))
    await compile(root, sources)
    const outputs = sources.flatMap(source => [
      source.replace(/\.ts$/, '.js'),
      source.replace(/\.ts$/, '.d.ts'),
    ])
    return await Promise.all(outputs.map(output => deliver(work, output, target)))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function transpile(root: string, schema: string, work: string): Promise<string> {
  const output = join(work, dirname(schema))
  await mkdir(output, { recursive: true })
  await generate(join(root, schema), { output, strict: true })
  const source = join(output, basename(schema).replace(/\.proto$/, '.ts'))
  await writeFile(source, mended(await readFile(source, 'utf8')))
  return source
}

/**
 * protons-runtime (7 and 8) spoils numbers of 64 bits from 2^31 up to 2^32: it writes one of their five bytes, and sends four as
 * they were in memory. Its writer of numbers is right as long as they are exact.
 */
function mended(source: string): string {
  return source.replace(
    /\bw\.uint64\(([^()]+)\)/g,
    (_, value: string) => `;(${value} >> 32n === 0n ? w.uint64Number(Number(${value})) : w.uint64(${value}))`,
  )
}

async function compile(root: string, sources: readonly string[]): Promise<void> {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const options = [
    '--ignoreConfig',
    '--target',
    'es2024',
    '--module',
    'nodenext',
    '--strict',
    '--skipLibCheck',
  ]
  await run(process.execPath, [tsc, ...options, '--declaration', '--types', 'node', ...sources])
}

async function deliver(work: string, output: string, target: string): Promise<string> {
  const path = join(target, relative(work, output))
  await mkdir(dirname(path), { recursive: true })
  await copyFile(output, path)
  return path
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, '..')
  for (const path of await generateWire(root, root)) process.stdout.write(`${relative(root, path)}\n`)
}
