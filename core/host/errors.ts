import { defineErrors } from '../errors.ts'

export const hostError = defineErrors({
  PLUGINS_CONFLICT:
    'Disable one plugin of each line in the config, or ask its author to change its manifest.',
  PLUGIN_REGISTER_FAILED: 'Correct its config, or set plugins.<name>.enabled to false to run without it.',
  PLUGIN_START_FAILED:
    'Look at the log for its cause, or set plugins.<name>.enabled to false to run without it.',
  PLUGIN_START_TIMEOUT:
    'Raise host.startTimeoutMs, or set plugins.<name>.enabled to false to run without it.',
  PLUGIN_SERVICE_NOT_PROVIDED:
    'Ask its author to provide what its manifest promises, or take it off the manifest.',
  PLUGIN_STOP_FAILED: 'Report it to its author; what the plugin held is released with the process.',
  PLUGIN_STOP_TIMEOUT: 'Report it to its author; what the plugin held is released with the process.',
  PLUGINS_NOT_STOPPED: 'Report each to its author; what the plugins held is released with the process.',
  BOOT_ABORTED: 'Mend the plugin named, or set its onFailure to degrade to start without it.',
  LOOP_REFUSED: 'Begin background loops in start() or later, each under a name of its own.',
})

export type HostErrorCode = keyof typeof hostError.fixes
