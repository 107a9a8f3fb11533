// Installs what skep needs, where that has changed since the last time. npm runs it before `start`, `test` and the like.
// Plain JavaScript without dependencies: it runs on whatever Node the machine has, before Node 24 is there.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MAJOR = 24
const LOCK_POLL_MS = 200

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const modules = join(root, 'node_modules')
const bin = join(modules, '.bin')
const doneFile = join(modules, '.skep-setup')
const lockFile = join(modules, '.skep-setup.lock')
const takeoverFile = `${lockFile}.takeover`

const isQuiet = process.argv.includes('--quiet')
// The shell that npm opens next finds our Node first, and so must what runs here.
const env = { ...process.env, PATH: bin + delimiter + process.env.PATH }

if (!isDone()) {
  mkdirSync(modules, { recursive: true })
  takeLock()
  try {
    if (!isDone()) install()
  } finally {
    rmSync(lockFile, { force: true })
  }
}
const version = nodeVersion()
if (Number.parseInt(version, 10) < NODE_MAJOR) {
  fail(
    `skep needs Node ${NODE_MAJOR} or newer, and finds ${version || 'none'}. There is no Node package for ` +
      `${process.platform}-${process.arch} that it could bring along: install one from https://nodejs.org/en/download`,
  )
}
if (!isQuiet) say(`ready, with Node ${version}`)

/** What the installed tree follows from: packages, and the plugins that tap is built with. */
function fingerprint() {
  const hash = createHash('sha256')
  for (const name of ['package-lock.json', '.taprc']) {
    const file = join(root, name)
    hash.update(`${name}\0`).update(existsSync(file) ? readFileSync(file) : '')
  }
  return hash.digest('hex')
}

function isDone() {
  return readText(doneFile) === fingerprint()
}

function install() {
  say('installing what package-lock.json lists; the first time takes a minute')
  rmSync(doneFile, { force: true })
  // Not `npm ci`, which refuses a lockfile that doesn't list optional packages of systems we don't run on. Nothing that
  // skep uses needs an install script.
  run(npm(), ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])
  // Else the first `tap` of a fresh clone fails: it is built for the plugins that .taprc names.
  if (existsSync(join(bin, 'tap'))) run([join(bin, 'tap')], ['build'])
  writeFileSync(doneFile, fingerprint())
}

/** The npm that runs this script, or the one on the PATH. */
function npm() {
  const { npm_execpath: cli } = process.env
  return cli?.endsWith('.js') ? [process.execPath, cli] : ['npm']
}

function run([command, ...first], more) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, [...first, ...more], {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (status === 0) return
  rmSync(lockFile, { force: true })
  const reason = error?.message ?? signal ?? `it exited with ${status}`
  fail(`${[command, ...first, ...more].join(' ')}: ${reason}\n${stdout ?? ''}${stderr ?? ''}`)
}

function nodeVersion() {
  return (spawnSync('node', ['--version'], { env, encoding: 'utf8' }).stdout ?? '').trim().replace(/^v/, '')
}

/** Waits until no other setup runs. A lock left behind by a process that is gone counts for nothing. */
function takeLock() {
  while (!tryCreate(lockFile)) {
    if (isHeld()) {
      sleep(LOCK_POLL_MS)
    } else if (tryCreate(takeoverFile)) {
      // Only one process at a time is here, so that none removes the lock that another has just made.
      if (!isHeld()) rmSync(lockFile, { force: true })
      rmSync(takeoverFile)
    }
  }
}

/** Makes a file that names this process. It appears with its content or not at all. */
function tryCreate(file) {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, owner(process.pid))
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return false
  } finally {
    rmSync(draft)
  }
}

function isHeld() {
  const text = readText(lockFile)
  const pid = Number.parseInt(text, 10)
  // Process ids start anew with each boot.
  if (text !== owner(pid)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function owner(pid) {
  return `${pid} ${readText('/proc/sys/kernel/random/boot_id').trim()}`
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function sleep(durationMs) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs)
}

/** On stderr: stdout belongs to the command that comes next. */
function say(text) {
  process.stderr.write(`setup: ${text}\n`)
}

function fail(text) {
  say(text)
  process.exit(1)
}
