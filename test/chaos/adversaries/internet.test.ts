import { join } from 'node:path'
import t from 'tap'
import { createNamespace, namespacesMissing } from '../../helpers/namespace.ts'
import { INTERNET } from './internet-host.ts'

const skip = await namespacesMissing()

t.test('attacks from the internet, and from the local network', { skip }, async t => {
  await using namespace = await createNamespace()
  for (const network of INTERNET) await namespace.ip('route', 'add', 'local', network, 'dev', 'lo')
  const command = [process.execPath, join(import.meta.dirname, 'internet.ts')]
  await t.spawn('ip', ['netns', 'exec', namespace.name, ...command], {}, 'in a namespace')
})
