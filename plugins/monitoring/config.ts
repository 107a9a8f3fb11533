import type { Schema } from '../../core/api.ts'

export interface MonitoringConfig {
  readonly host: string
  readonly port: number
  readonly cacheMs: number
  readonly probeTimeoutMs: number
  readonly maxLoopLagMs: number
  readonly writeProofMs: number
  readonly maxConnections: number
  readonly requestTimeoutMs: number
  readonly maxEventListeners: number
  readonly eventHeartbeatMs: number
}

export const schema: Schema<MonitoringConfig> = {
  host: {
    doc: 'The address to listen on. On a loopback address only this machine can ask; on any other, whoever can reach it can read the status.',
    format: 'string',
    default: '127.0.0.1',
  },
  port: {
    doc: 'The port to listen on. 0 takes any free one; `details.monitoring` of the status tells which.',
    format: 'port',
    default: 9464,
  },
  cacheMs: {
    doc: 'How long a round of probes answers further requests, so that asking often costs the node nothing.',
    format: 'duration',
    default: 1000,
    min: 0,
    max: 60_000,
  },
  probeTimeoutMs: {
    doc: 'How long one probe may take before it counts as failed.',
    format: 'duration',
    default: 3000,
    min: 10,
    max: 60_000,
  },
  maxLoopLagMs: {
    doc: 'How late the event loop may be. A turn that takes longer fails its probe; one that did a little while ago degrades it.',
    format: 'duration',
    default: 1000,
    min: 1,
    max: 60_000,
  },
  writeProofMs: {
    doc: 'How old the last write to disk may be for the storage probe to take it as proof. Only where nothing was written for so long, or a write failed since, the probe writes itself: asking often wears no card.',
    format: 'duration',
    default: 60 * 60_000,
    min: 0,
    max: 86_400_000,
  },
  maxConnections: {
    doc: 'Connections at a time; further ones are hung up on.',
    format: 'integer',
    default: 32,
    unit: 'connections',
    min: 1,
    max: 10_000,
  },
  requestTimeoutMs: {
    doc: 'How long a client may take to send its request, and how long an idle connection is kept.',
    format: 'duration',
    default: 5000,
    min: 100,
    max: 60_000,
  },
  maxEventListeners: {
    doc: 'How many may follow `/events` at a time. Each keeps a connection of `maxConnections` for as long as it listens.',
    format: 'integer',
    default: 8,
    unit: 'listeners',
    min: 0,
    max: 64,
  },
  eventHeartbeatMs: {
    doc: 'How often a listener of `/events` gets a comment while nothing happens, so that no proxy takes the stream for dead.',
    format: 'duration',
    default: 15_000,
    min: 100,
    max: 600_000,
  },
}
