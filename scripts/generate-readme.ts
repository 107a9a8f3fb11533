/** Writes the parts of README.md that follow from the code. `npm run generate` calls it; a test holds the README fresh. */
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { cliError } from '../core/cli/errors.ts'
import { configDocs } from '../core/config/docs.ts'
import { configError } from '../core/config/errors.ts'
import { createPluginLoader } from '../core/config/load-plugin.ts'
import { contentError } from '../core/content/errors.ts'
import { controlError } from '../core/control/errors.ts'
import { executableError } from '../core/executable/errors.ts'
import { hostError } from '../core/host/errors.ts'
import { networkError } from '../core/network/errors.ts'
import { stateError } from '../core/state/errors.ts'
import { storageError } from '../core/storage/errors.ts'
import { catalogue } from '../plugins/catalogue.ts'

const ROOT = new URL('../', import.meta.url)
const README = new URL('README.md', ROOT)

const ERRORS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Commands: cliError.fixes,
  Configuration: configError.fixes,
  Content: contentError.fixes,
  'Control socket': controlError.fixes,
  Executable: executableError.fixes,
  Network: networkError.fixes,
  'Peers and events': stateError.fixes,
  Plugins: hostError.fixes,
  Storage: storageError.fixes,
}

const GENERATED: Readonly<Record<string, () => Promise<string>>> = {
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

/** `readme` with every generated block written anew between its `name:begin` and `name:end` comments. */
export async function withGeneratedBlocks(readme: string): Promise<string> {
  let text = readme
  for (const [name, generate] of Object.entries(GENERATED)) {
    const [begin, end] = [`<!-- ${name}:begin -->\n`, `<!-- ${name}:end -->`]
    const from = text.indexOf(begin)
    const to = text.indexOf(end)
    if (from < 0 || to < from) throw new Error(`README.md has no block ${name}`)
    text = `${text.slice(0, from + begin.length)}\n${await generate()}\n${text.slice(to)}`
  }
  return text
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(README, await withGeneratedBlocks(await readFile(README, 'utf8')))
}
