/** All that a plugin may import of the core: types, tokens, errors. Plugins live on the far side of this page. */

export type { PeerId } from '@libp2p/interface'
export { byteKey, bytesOfKey } from './byte-key.ts'
export { type Clock, systemClock } from './clock.ts'
export { formatBytes } from './config/quantities.ts'
export type { Schema, SchemaKey } from './config/schema.ts'
export { type DependencyContainer, find, provide, type Token, token, use } from './container.ts'
export {
  type AddResult,
  Content,
  type ContentOptions,
  type ExportEntry,
  type ImportEntry,
  type ListEntry,
} from './content/content.ts'
export { parseContentPath } from './content/content-path.ts'
export {
  isHashAllowed,
  isSpellable,
  MAX_BLOCK_BYTES,
  multihashOf,
  verifyBlock,
  verifyLargeBlock,
} from './content/hashes.ts'
export { checkOpenLinks, type DagLink, linksOf, mayHaveLinks } from './content/walk.ts'
export { answerWithEvents } from './control/answers.ts'
export { Control } from './control/control.ts'
export { isLoopbackAddress, isLoopbackHost, isSameOrigin } from './control/http-origin.ts'
export type { RouteScope } from './control/scopes.ts'
export { defineErrors, isSkepError, messageOf, SkepError } from './errors.ts'
export { Events, type EvidenceKind, type NodeEvents } from './events.ts'
export type { Logger } from './logger.ts'
export {
  defineProtocol,
  type MessageCodec,
  type MessageLimits,
  type MessageProtocol,
  type RequestContext,
} from './messages/define.ts'
export { type Counter, type Gauge, type Histogram, type MetricFactory, Metrics } from './metrics.ts'
export type { Channel, ReadOptions, WriteOptions } from './network/framing.ts'
export type { GateRule } from './network/gate.ts'
export { Network, type NetworkPort } from './network/network-port.ts'
export type { Protocol, Trust } from './network/protocols.ts'
export { type Bucket as TokenBucket, fullBucket, type Rate, refill } from './network/token-bucket.ts'
export { discard } from './owned-bytes.ts'
export {
  definePlugin,
  HEALTHY,
  type Health,
  type Plugin,
  type PluginContext,
  type PluginInstance,
  type PluginManifest,
} from './plugin.ts'
export { type Lease, MemoryBudget } from './resources/byte-budget.ts'
export { type BlockSession, Blocks } from './services/blocks.ts'
export { Cache, type CacheStats } from './services/cache.ts'
export { Discovery, type DiscoverySource } from './services/discovery.ts'
export { Exchange, type ExchangeSession, type FetchOptions, type WantedBlock } from './services/exchange.ts'
export { Fleet } from './services/fleet.ts'
export { type Pin, Pins } from './services/pins.ts'
export {
  Reputation,
  type ReputationBan,
  type ReputationCredit,
  type ReputationEvidence,
  type ReputationReport,
} from './services/reputation.ts'
export { type FindProvidersOptions, type Provider, type ProviderSource, Routing } from './services/routing.ts'
export { type Change, ChangeFeed, type FeedPosition, positionIn } from './state/change-feed.ts'
export type { Liveness } from './state/liveness.ts'
export { NodeState, type NodeStatus } from './state/node-state.ts'
export { peerNamed } from './state/peer-name.ts'
export { type PeerSummary, Peers, type RememberedPeer } from './state/peer-state.ts'
export { diskBytesOf } from './storage/size-classes.ts'
export {
  type BlockCheck,
  type BlockEntry,
  type BlockStore,
  type Bucket,
  type Evictor,
  type KeyValueStore,
  Storage,
  type WaitOptions,
  type WriteBatch,
} from './storage/storage.ts'
export { untilAborted } from './until-aborted.ts'
