import type { Command } from 'commander'
import { defineConnect } from './peers/connections.ts'

/** What `skep peers connect` does, by its older name. */
export function define(command: Command): void {
  defineConnect(command)
}
