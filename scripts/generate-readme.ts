/** Writes the parts of README.md and of plugins' READMEs that follow from the code. `npm run generate` calls it; a test holds the README fresh. */
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { cliError } from '../core/cli/errors.ts'
import { configDocs } from '../core/config/docs.ts'
import { configError } from '../core/config/errors.ts'
import { createPluginLoader } from '../core/config/load-plugin.ts'
import { contentError } from '../core/content/errors.ts'
import { controlError } from '../core/control/errors.ts'
import { executableError } from '../core/executable/errors.ts'
import { fleetError } from '../core/fleet/errors.ts'
import { hostError } from '../core/host/errors.ts'
import { networkError } from '../core/network/errors.ts'
import { stateError } from '../core/state/errors.ts'
import { storageError } from '../core/storage/errors.ts'
import { catalogue } from '../plugins/catalogue.ts'
import { weightsTable } from '../plugins/reputation/weights-table.ts'

const ROOT = new URL('../', import.meta.url)

const ERRORS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Commands: cliError.fixes,
  Configuration: configError.fixes,
  Content: contentError.fixes,
  'Control socket': controlError.fixes,
  Executable: executableError.fixes,
  Fleet: fleetError.fixes,
  Network: networkError.fixes,
  'Peers and events': stateError.fixes,
  Plugins: hostError.fixes,
  Storage: storageError.fixes,
}

type Blocks = Readonly<Record<string, () => Promise<string>>>

const GENERATED: Blocks = {
  async config() {
    const load = createPluginLoader(catalogue)
    const plugins = await Promise.all(Object.keys(catalogue).map(name => load(name, undefined, '.')))
    return configDocs(plugins)
  },
  async plugin() {
    const code = await readFile(new URL('test/fixtures/plugins/nameplate.ts', ROOT), 'utf8')
    return `\`\`\`ts\n${code}\`\`\`\n`
  },
  async errors() {
    const rows = Object.entries(ERRORS).flatMap(([part, fixes]) =>
      Object.entries(fixes).map(([code, fix]) => `| ${part} | \`${code}\` | ${fix.replaceAll('|', '\\|')} |`),
    )
    return `${['| part | code | what to do |', '| --- | --- | --- |', ...rows].join('\n')}\n`
  },
}

/** By path, the blocks of each README. */
export const README_BLOCKS: Readonly<Record<string, Blocks>> = {
  'README.md': GENERATED,
  'plugins/reputation/README.md': { weights: async () => weightsTable() },
}

/** `readme` with every generated block written anew between its `name:begin` and `name:end` comments. */
export async function withGeneratedBlocks(readme: string, blocks: Blocks = GENERATED): Promise<string> {
  let text = readme
  for (const [name, generate] of Object.entries(blocks)) {
    const [begin, end] = [`<!-- ${name}:begin -->\n`, `<!-- ${name}:end -->`]
    const from = text.indexOf(begin)
    const to = text.indexOf(end)
    if (from < 0 || to < from) throw new Error(`the README has no block ${name}`)
    text = `${text.slice(0, from + begin.length)}\n${await generate()}\n${text.slice(to)}`
  }
  return text
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, blocks] of Object.entries(README_BLOCKS)) {
    const file = new URL(path, ROOT)
    await writeFile(file, await withGeneratedBlocks(await readFile(file, 'utf8'), blocks))
  }
}
