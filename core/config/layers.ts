import { join, resolve } from 'node:path'
import { readShippedFile } from '../executable/shipped-file.ts'
import type { Machine } from '../resources/probe.ts'
import { coreSchema } from './core-schema.ts'
import { readEnv } from './env.ts'
import { type ConfigProblem, clip } from './errors.ts'
import { type Profile, pickProfile } from './profiles.ts'
import { type Reading, readSources } from './reader.ts'
import { keysOf, type SchemaTree } from './schema.ts'
import { nodeAt, type Origin, type Source, singleValue } from './source.ts'
import { readYamlFile } from './yaml-source.ts'

export interface LayerOptions {
  /** Must exist where it is given. */
  readonly userFile?: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** `key=value`; later ones win. */
  readonly set: readonly string[]
  /** As `--profile` gives it: wins over every layer. */
  readonly profile?: string
  /** As `--log-level` gives it, likewise. */
  readonly logLevel?: string
  /** What `auto` goes by. */
  readonly machine: Pick<Machine, 'memoryBytes' | 'cores'>
  /** Holds `default.yaml` and `profiles/`. Default: what comes with skep. */
  readonly configDirectory?: string
  /** What relative paths in `env` and `set` are relative to. Default: the process's own. */
  readonly workingDirectory?: string
}

/** All that was said and by whom. What it means is up to a schema, and which schemas there are is said here too. */
export interface Layers {
  /** The profile in effect. */
  readonly profile: Profile
  /** Files and options that can't be read. */
  readonly problems: readonly ConfigProblem[]
  /** Reads the layers as `schema` asks, see {@link readSources}. */
  read(schema: SchemaTree, open: readonly string[]): Reading
  /** Names beneath a section, in files and options. The environment has no say: its names don't tell where words end. */
  namesIn(section: string): string[]
  /** Where a section is last spoken of. */
  placeOf(section: string): Origin | undefined
}

export async function readLayers(options: LayerOptions): Promise<Layers> {
  const { configDirectory, userFile, env, machine } = options
  const workingDirectory = resolve(options.workingDirectory ?? '.')

  const ofSkep = (file: string, layer: 'default' | 'profile'): Promise<ReadSources> =>
    configDirectory === undefined
      ? readYamlFile(`config/${file}`, layer, readShippedFile)
      : readYamlFile(join(configDirectory, file), layer)

  const defaults = await ofSkep('default.yaml', 'default')
  const user = userFile ? await readYamlFile(resolve(workingDirectory, userFile), 'user') : NOTHING
  const sets = readSets(options, workingDirectory)

  const read = (files: readonly Source[], schema: SchemaTree, open: readonly string[]): Reading => {
    const keys = Array.from(keysOf(schema), ([key]) => key)
    const fromEnv = readEnv(env, keys, open, workingDirectory)
    const sources = [...files, ...fromEnv.sources, ...sets.sources]
    const reading = readSources(sources, schema, new Set(open))
    return { ...reading, problems: [...reading.problems, ...fromEnv.problems] }
  }

  const chosen = read([...defaults.sources, ...user.sources], { profile: coreSchema.profile }, [''])
  const wish = chosen.values.get('profile')?.value as Profile | 'auto' | undefined
  const profile = wish === undefined || wish === 'auto' ? pickProfile(machine) : wish
  const budgets = await ofSkep(`profiles/${profile}.yaml`, 'profile')

  const files = [...defaults.sources, ...budgets.sources, ...user.sources]
  const all = [...files, ...sets.sources]
  return {
    profile,
    problems: [defaults, budgets, user, sets].flatMap(({ problems }) => problems),
    read: (schema, open) => read(files, schema, open),
    namesIn: section => [
      ...new Set(all.flatMap(source => [...(nodeAt(source, section)?.children?.keys() ?? [])])),
    ],
    placeOf: section =>
      all.map(source => nodeAt(source, section)).findLast(node => node !== undefined)?.origin,
  }
}

interface ReadSources {
  readonly sources: readonly Source[]
  readonly problems: readonly ConfigProblem[]
}

const NOTHING: ReadSources = { sources: [], problems: [] }

function readSets({ set, profile, logLevel }: LayerOptions, workingDirectory: string): ReadSources {
  const sources: Source[] = []
  const problems: ConfigProblem[] = []
  for (const option of set) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(option) ?? []
    const origin: Origin = { layer: 'set', name: clip(key ?? option) }
    if (key === undefined) problems.push({ kind: 'syntax', origin, message: 'expected key=value' })
    else sources.push(singleValue(key, value, origin, workingDirectory))
  }
  const options = { '--profile': ['profile', profile], '--log-level': ['log.level', logLevel] } as const
  for (const [name, [key, value]] of Object.entries(options)) {
    if (value !== undefined) sources.push(singleValue(key, value, { layer: 'set', name }, workingDirectory))
  }
  return { sources, problems }
}
