import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { contextOf, examples, type Parts, print } from '../context.ts'
import { ensureDataDirectory, markVolume } from '../data-directory.ts'
import { runsHere } from '../here.ts'
import { CONFIG_FILE, loadSettings } from '../settings.ts'

/** May come to hold secrets of plugins. */
const CONFIG_FILE_MODE = 0o600

export function define(command: Command, parts: Parts): void {
  runsHere(command, 'makes a data directory here')
    .option('--volume', 'mark the directory as one of a mounted disk, for storage.requireMarker')
    .addHelpText(
      'after',
      [
        examples(
          'skep init && $EDITOR ~/.local/share/skep/config.yaml',
          'skep init --data /mnt/disk/skep --volume',
        ),
        '',
        'What is there already stays as it is. `skep start` does without: it makes what it needs.',
      ].join('\n'),
    )
    .action(async ({ volume = false }: { volume?: boolean }) => {
      const [{ loadIdentity }, { peerIdFromPrivateKey }, { configTemplate }] = await Promise.all([
        import('../../network/identity.ts'),
        import('@libp2p/peer-id'),
        import('../config-template.ts'),
      ])
      const context = contextOf(command)
      const { dataDirectory } = context
      const config = await loadSettings(context, {}, parts)
      const { requireMarker } = config.core.storage
      await ensureDataDirectory(dataDirectory, { requireMarker: requireMarker && !volume })
      if (volume) await markVolume(dataDirectory)
      const peerId = peerIdFromPrivateKey(await loadIdentity(dataDirectory)).toString()
      const configFile = join(dataDirectory, CONFIG_FILE)
      await writeIfAbsent(configFile, configTemplate(config.entries()))
      print(
        context,
        { dataDirectory, configFile, peerId },
        () => `${peerId}\ndata in ${dataDirectory}\nsettings in ${configFile}`,
      )
    })
}

async function writeIfAbsent(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: 'wx', mode: CONFIG_FILE_MODE }).catch(error => {
    if (error.code !== 'EEXIST') throw error
  })
}
