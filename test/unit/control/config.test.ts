import t from 'tap'
import { loadConfig } from '../../../core/config/load.ts'
import { createPluginLoader } from '../../../core/config/load-plugin.ts'
import { isSkepError } from '../../../core/errors.ts'
import { catalogue } from '../../../plugins/catalogue.ts'

const machine = { memoryBytes: 2 ** 30, cores: 4 }

/** What is wrong with these settings; empty where nothing is. */
async function problemsOf(...set: string[]): Promise<string> {
  try {
    await loadConfig({ env: {}, set, machine, loadPlugin: createPluginLoader(catalogue) })
    return ''
  } catch (error) {
    if (isSkepError(error, 'CONFIG_INVALID')) return error.message
    throw error
  }
}

t.test('by default nothing listens by TCP, and what does is for this machine', async t => {
  const { core } = await loadConfig({ env: {}, set: [], machine, loadPlugin: createPluginLoader(catalogue) })
  t.match(core.control, { host: '127.0.0.1', insecure: false, names: [], origins: [], access: 'owner' })
  t.equal(core.control.port, undefined)
})

const wrong: Record<string, RegExp> = {
  'control.host=0.0.0.0':
    /control\.host.*others can reach 0\.0\.0\.0.*SSH tunnel or a TLS proxy.*control\.insecure: true/,
  'control.host=::': /control\.host.*others can reach ::/,
  'control.host=192.168.1.5': /control\.host.*others can reach/,
  'control.host=raspberrypi': /control\.host.*expected an IP address, got "raspberrypi"/,
  'control.names=pi.local:80': /control\.names.*without port, got "pi\.local:80"/,
  'control.names=https://pi.local': /control\.names.*got "https:/,
  'control.origins=*': /control\.origins.*got "\*"/,
  'control.origins=null': /control\.origins.*got "null"/,
  'control.origins=https://a.example/': /control\.origins.*got "https:\/\/a\.example\/"/,
  'control.origins=https://A.example': /control\.origins/,
  'control.port=70000': /control\.port.*expected a port/,
  'control.maxConnections=0': /control\.maxConnections/,
}

for (const [setting, expected] of Object.entries(wrong)) {
  t.test(`${setting} is told as a mistake`, async t => t.match(await problemsOf(setting), expected))
}

t.test('what holds', async t => {
  for (const set of [
    ['control.host=127.0.0.2'],
    ['control.host=::1'],
    ['control.host=0.0.0.0', 'control.insecure=true'],
    ['control.names=pi.local,192.168.1.5,fd00::5,PI'],
    ['control.origins=https://a.example,http://localhost:3000'],
  ]) {
    t.equal(await problemsOf('control.port=0', ...set), '', set.join())
  }
})
