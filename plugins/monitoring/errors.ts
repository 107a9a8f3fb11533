import { defineErrors } from '../../core/api.ts'

export const monitoringError = defineErrors({
  PORT_IN_USE:
    'Set plugins.monitoring.port to a free port, or to 0 for any; another skep node may hold this one.',
  LISTEN_FAILED: 'Set plugins.monitoring.host to an address of this machine and port to 1024 or above.',
  ROUTE_NOT_FOUND: 'Ask for /livez, /readyz, /healthz, /status, /metrics or /events with GET or HEAD.',
  LISTENERS_FULL: 'End other listeners, or raise plugins.monitoring.maxEventListeners.',
  HOST_REFUSED: 'Ask by 127.0.0.1, [::1] or localhost.',
  ORIGIN_REFUSED: 'Follow the events from a page of the node itself, or from a program.',
  QUERY_INVALID: 'Ask for /events with nothing but `since`, once, such as /events?since=17.',
  REQUEST_REFUSED: 'Send a plain GET or HEAD request without a body.',
  STREAM_ENDED: 'Connect again when the node runs again.',
  ANSWER_FAILED: 'See the log of the node.',
  PROBE_TIMEOUT:
    'See what keeps the part busy in the log and the metrics, or raise plugins.monitoring.probeTimeoutMs.',
})
