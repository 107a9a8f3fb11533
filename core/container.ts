import 'reflect-metadata'
import { type DependencyContainer, container as tsyringeRoot } from 'tsyringe'

export type { DependencyContainer } from 'tsyringe'

/** Names a service and carries its type. Services are interfaces; a token is how a container knows them. */
export type Token<T> = symbol & { readonly service?: T }

/** A new token. `name` is what boot reports and errors call the service. */
export function token<T>(name: string): Token<T> {
  return Symbol(name) as Token<T>
}

export function nameOf(token: Token<unknown>): string {
  return token.description ?? 'unnamed service'
}

/** A root of its own for each node, so that two nodes in one process share nothing. */
export function createRootContainer(): DependencyContainer {
  return tsyringeRoot.createChildContainer()
}

export function provide<T>(container: DependencyContainer, token: Token<T>, service: T): void {
  container.registerInstance<T>(token, service)
}

/** The service behind `token`. Throws where nobody provides it: a plugin asks only for what it `requires`. */
export function use<T>(container: DependencyContainer, token: Token<T>): T {
  return container.resolve<T>(token)
}

/** The service behind `token`, or undefined: how a plugin asks for what it `wants`. */
export function find<T>(container: DependencyContainer, token: Token<T>): T | undefined {
  return container.isRegistered(token, true) ? container.resolve<T>(token) : undefined
}
