import 'reflect-metadata'
import { type DependencyContainer, container as tsyringeRoot } from 'tsyringe'
import { defineErrors } from './errors.ts'

export type { DependencyContainer } from 'tsyringe'

export const containerError = defineErrors({
  SERVICE_ABSENT:
    'List the service in `requires` of the plugin that uses it, and enable a plugin that provides it.',
})

/** Names a service and carries its type. Services are interfaces; a token is how a container knows them. */
export type Token<T> = symbol & { readonly service?: T }

const NAMESPACE = 'skep:'

/**
 * The token called `name`, which is also what boot reports and errors call the service. The name is the identity: two
 * copies of this module, or two plugins that never saw each other's files, mean the same service by the same name.
 */
export function token<T>(name: string): Token<T> {
  return Symbol.for(NAMESPACE + name) as Token<T>
}

export function nameOf(token: Token<unknown>): string {
  return token.description?.replace(NAMESPACE, '') ?? 'unnamed service'
}

/** A root of its own for each node, so that two nodes in one process share nothing. */
export function createRootContainer(): DependencyContainer {
  return tsyringeRoot.createChildContainer()
}

export function provide<T>(container: DependencyContainer, token: Token<T>, service: T): void {
  container.registerInstance<T>(token, service)
}

/** Provides `service` until the returned function takes it back; from then on nobody finds it. */
export function lend<T>(container: DependencyContainer, token: Token<T>, service: T): () => void {
  let lent: T | undefined = service
  container.register<T | undefined>(token, { useFactory: () => lent })
  return () => {
    lent = undefined
  }
}

/**
 * The service behind `token`. A plugin asks so only for what it `requires`.
 *
 * @throws SkepError SERVICE_ABSENT
 */
export function use<T>(container: DependencyContainer, token: Token<T>): T {
  const service = find(container, token)
  if (service === undefined) throw containerError('SERVICE_ABSENT', `nobody provides ${nameOf(token)}`)
  return service
}

/** The service behind `token`, or undefined: how a plugin asks for what it `wants`. */
export function find<T>(container: DependencyContainer, token: Token<T>): T | undefined {
  return container.isRegistered(token, true) ? container.resolve<T>(token) : undefined
}
