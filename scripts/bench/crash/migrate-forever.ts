/** Migrates the environment named on the command line, slice after slice. */
import { writeSync } from 'node:fs'
import { migrateNumbers, openNumbers } from './migration.ts'

const [directory = ''] = process.argv.slice(2)
const store = openNumbers(directory)
writeSync(1, 'begin\n')
await migrateNumbers(store)
await store.close()
