/** Writes the parts of README.md and of plugins' READMEs that follow from the code. `npm run generate` calls it; a test holds the README fresh. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cliError } from '../core/cli/errors.ts'
import { configDocs } from '../core/config/docs.ts'
import { configError } from '../core/config/errors.ts'
import { loadConfig } from '../core/config/load.ts'
import { createPluginLoader } from '../core/config/load-plugin.ts'
import { contentError } from '../core/content/errors.ts'
import { controlError } from '../core/control/errors.ts'
import { SCOPES } from '../core/control/scopes.ts'
import { isSkepError, type SkepError } from '../core/errors.ts'
import { executableError } from '../core/executable/errors.ts'
import { fleetError } from '../core/fleet/errors.ts'
import { hostError } from '../core/host/errors.ts'
import { networkError } from '../core/network/errors.ts'
import { probeMachine } from '../core/resources/probe.ts'
import { stateError } from '../core/state/errors.ts'
import { storageError } from '../core/storage/errors.ts'
import { catalogue } from '../plugins/catalogue.ts'
import { weightsTable } from '../plugins/reputation/weights-table.ts'
import { attacksTable } from '../test/chaos/adversaries/attacks-table.ts'

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

/** Two mistakes, each in a name. */
const MISTAKEN_CONFIG = 'storage:\n  maxByte: 20GB\nplugins:\n  cach: {}\n'

async function mistakeIn(userFile: string): Promise<SkepError> {
  const options = { userFile, env: {}, set: [], machine: await probeMachine() }
  const plugins = { loadPlugin: createPluginLoader(catalogue), builtIn: Object.keys(catalogue) }
  try {
    await loadConfig({ ...options, ...plugins })
  } catch (error) {
    if (isSkepError(error)) return error
    throw error
  }
  throw new Error('the configuration with mistakes was taken')
}

type Blocks = Readonly<Record<string, () => Promise<string>>>

const GENERATED: Blocks = {
  async config() {
    const load = createPluginLoader(catalogue)
    const plugins = await Promise.all(Object.keys(catalogue).map(name => load(name, undefined, '.')))
    return configDocs(plugins)
  },
  async check() {
    const directory = await mkdtemp(join(tmpdir(), 'skep-readme-'))
    try {
      const userFile = join(directory, 'config.yaml')
      await writeFile(userFile, MISTAKEN_CONFIG)
      const error = await mistakeIn(userFile)
      const shown = '/etc/skep/config.yaml'
      const said = `error: ${error.message.replaceAll(userFile, shown)}\nfix: ${error.fix}`
      return `\`\`\`\n$ cat ${shown}\n${MISTAKEN_CONFIG}$ skep config check ${shown}\n${said}\n\`\`\`\n`
    } finally {
      await rm(directory, { recursive: true })
    }
  },
  async plugin() {
    const code = await readFile(new URL('test/fixtures/plugins/nameplate.ts', ROOT), 'utf8')
    return `\`\`\`ts\n${code}\`\`\`\n`
  },
  attacks: async () => attacksTable(),
  async scopes() {
    const rows = Object.entries(SCOPES).map(([scope, what]) => `| \`${scope}\` | ${what} |`)
    return `${['| scope | its bearer can |', '| --- | --- |', ...rows].join('\n')}\n`
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
