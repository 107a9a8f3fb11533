/** Settings of a node that listens on loopback alone, on free ports, and finds nobody by itself. */
export const QUIET = [
  'network.listen=/ip4/127.0.0.1/tcp/0',
  'plugins.monitoring.port=0',
  'plugins.discovery.mdns.enabled=false',
  'plugins.nat.upnp.enabled=false',
].flatMap(setting => ['--set', setting])
